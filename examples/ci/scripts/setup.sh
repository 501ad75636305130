#!/bin/sh
# What every job needs first: vkstate, and a git that may commit and push.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

pip install --quiet --requirement "$here/../requirements.txt"

git config user.name >/dev/null || git config user.name vkstate-ci
git config user.email >/dev/null || git config user.email vkstate-ci@localhost

if [ -n "${GITLAB_CI:-}" ]; then
    # The clone of a GitLab job may only read. The token for pushing stays in the environment: git asks for it.
    git remote set-url --push origin "$CI_PROJECT_URL.git"
    git config --replace-all credential.helper ''
    # shellcheck disable=SC2016 # it is git that runs this, later
    git config --add credential.helper '!printf "username=vkstate\npassword=%s\n" "$VKSTATE_TOKEN"; :'
fi
