#!/bin/sh
# Applies the plan that was reviewed for what is merged by now, and no other.
#
#   apply.sh BRANCH [FINGERPRINT [OPTION…]]
#
# FINGERPRINT is given where somebody has reviewed a plan elsewhere; empty or left out, it is the one that plan.sh noted.
# OPTIONs are handed to vkstate apply. The project is in $PROJECT. Exits as vkstate apply does: 3 where it is done in
# part, 6 where the plan would now be another one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
branch=$1
fingerprint=${2:-}
shift $(($# < 2 ? $# : 2))
cd "${PROJECT:-.}"

# Not the commit that started this job: by now the branch may have a newer state, and that is the one to go on from.
git fetch --quiet origin "+refs/heads/$branch:refs/remotes/origin/$branch"
git checkout --quiet --track -B "$branch" "origin/$branch"

unreviewed() {
    cat >&2 <<END

$1 Nothing was changed.
If the plan above is right, run this job by hand, and give it the plan's fingerprint. If not, change the config
in another pull request, whose plan shows what is open.
END
    exit 6
}

changes() {
    code=0
    vkstate plan --detailed-exitcode || code=$?
    case $code in
    0) exit 0 ;;
    2) ;;
    *) exit "$code" ;;
    esac
}

if [ -z "$fingerprint" ]; then fingerprint=$("$here/reviewed.sh" show); fi
if [ -z "$fingerprint" ]; then
    changes
    unreviewed "No pull request has shown the plan of what is in $branch now."
fi
if [ "$fingerprint" = none ]; then
    changes
    unreviewed 'The plan that was reviewed had nothing to apply.'
fi

# Run once more after all is done, the job has nothing to do: that is no error. Options may ask for more than the plan.
if [ $# -eq 0 ] && vkstate plan --detailed-exitcode >/dev/null 2>&1; then changes; fi

# Whoever stops the job stops this shell: vkstate is told, ends what is under way, and saves the state.
trap 'kill -TERM "$vkstate" 2>/dev/null || :' INT TERM
vkstate apply --expect "$fingerprint" "$@" &
vkstate=$!
code=0
wait "$vkstate" || code=$?
while kill -0 "$vkstate" 2>/dev/null; do
    code=0
    wait "$vkstate" || code=$?
done
if [ "$code" -eq 6 ]; then
    changes
    unreviewed 'The plan has become another one since it was reviewed.'
fi
exit "$code"
