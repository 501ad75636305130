#!/bin/sh
# Which plan was shown for the project as it is in HEAD: a git note, which is pushed, so that another job finds it. Is
# run in the project's directory.
#
#   reviewed.sh save FINGERPRINT    notes it; "none" says that there was nothing to apply
#   reviewed.sh show                prints it; prints nothing where no plan was made of this very project
#
# The note is on the project's content, the state aside, and not on a commit: a merge, a squash and a rebase make new
# commits of the same content. `git log -p refs/notes/vkstate/plans` shows all that was ever noted.
set -eu
ref=refs/notes/vkstate/plans

content() {
    {
        git rev-parse --show-prefix
        git ls-tree -r HEAD . | awk -F '\t' '$2 !~ /^([^\/]*\.(state|secrets)\.json$|reports\/)/'
    } | git hash-object -w --stdin
}

fetch() {
    git fetch --quiet origin '+refs/notes/vkstate/*:refs/notes/vkstate/*'
}

case $1 in
show)
    fetch
    git notes --ref "$ref" show "$(content)" 2>/dev/null | sed -n 's/^Fingerprint: //p'
    ;;
save)
    for pause in 1 2 3 4 5; do
        fetch
        git notes --ref "$ref" add --force --message "Fingerprint: $2" "$(content)"
        if git push --quiet origin "$ref:$ref"; then exit 0; fi
        sleep "$pause" # another job has noted something in between
    done
    echo 'error: the fingerprint could not be noted: git push failed five times' >&2
    exit 1
    ;;
esac
