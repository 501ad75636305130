#!/bin/sh
# Plans what merging the branch that is checked out would change. Changes nothing, but for a note in git.
#
#   plan.sh TARGET COMMENT
#
# TARGET is the branch that it would be merged into, COMMENT the file for what is to be posted. The project is in
# $PROJECT. Exits 0 where the plan can be applied, be it empty, and else 1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=$1
comment=$(pwd)/$2
said=$(mktemp)
trap 'rm -f "$said"' EXIT
cd "${PROJECT:-.}"

# There is no plan: the comment says why.
explain() {
    printf '### %s\n\n' "$1" >"$comment"
    head -c 50000 "$said" | sed 's/^/    /' >>"$comment"
}

# The plan is that of the merge, with the state that the target has by now.
branch=$(git rev-parse --short HEAD)
git fetch --quiet origin "+refs/heads/$target:refs/remotes/origin/$target"
if ! git merge --quiet --no-edit "origin/$target" >"$said" 2>&1; then
    git merge --abort
    cat "$said" >&2
    explain "There is no plan: this branch does not merge into $target"
    exit 1
fi

code=0
vkstate plan --detailed-exitcode --format markdown >"$comment" 2>"$said" || code=$?
cat "$said" >&2
[ -s "$comment" ] || explain 'There is no plan'
# shellcheck disable=SC2016 # the backticks are those of the comment
fingerprint=$(sed -n 's/^Fingerprint: `\([0-9a-f]\{64\}\)`$/\1/p' "$comment")
"$here/reviewed.sh" save "${fingerprint:-none}"
case $code in 0 | 2) ;; *) exit 1 ;; esac
printf '\nPlanned by CI for %s on top of %s. Merged as it is, this is what CI applies, and nothing else.\n' \
    "$branch" "$(git rev-parse --short "origin/$target")" >>"$comment"
