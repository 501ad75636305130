#!/bin/sh
# Commits and pushes what an apply leaves in the project: the state, the encrypted key values, the closing reports.
#
#   commit-state.sh BRANCH
#
# It is run after every apply, however that ended, and may be run twice. The project is in $PROJECT. Where somebody else
# has pushed meanwhile, it goes on top of that; where they changed the state as well, it goes to a branch of its own.
set -eu
branch=$1
cd "${PROJECT:-.}"

for path in *.state.json *.secrets.json reports; do
    if [ -e "$path" ] && ! git check-ignore --quiet "$path"; then git add "$path"; fi
done
git diff --cached --quiet || git commit --quiet --message 'Save the state of the keys [skip ci]'

rescue() {
    rescued=vkstate-state-$(git rev-parse --short HEAD)
    git push --quiet origin "HEAD:refs/heads/$rescued"
    cat >&2 <<END
error: $branch has another state by now
  Somebody else has pushed a change of the state meanwhile. Both changes are on the proxy. The state of this
  job is in the branch $rescued.
hint: merge it into $branch, of the state either side whole, of the key values both; then vkstate state rebuild
END
    exit 1
}

for pause in 1 2 3 4 5; do
    git fetch --quiet origin "+refs/heads/$branch:refs/remotes/origin/$branch"
    if ! git rebase --quiet "origin/$branch"; then
        git rebase --abort
        rescue
    fi
    if [ "$(git rev-list --count "origin/$branch..HEAD")" -eq 0 ]; then exit 0; fi # there is nothing to save
    if git push --quiet origin "HEAD:refs/heads/$branch"; then exit 0; fi
    sleep "$pause"
done
echo "error: the state could not be pushed to $branch: without it, the next run does not know what this one did" >&2
exit 1
