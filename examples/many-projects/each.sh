#!/usr/bin/env bash
# Runs one vkstate command in every project: ./each.sh plan --detailed-exitcode
# Goes on after a failure, and exits with the highest exit code.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
highest=0
for config in */vkstate.yaml; do
    project=$(dirname "$config")
    printf '\n== %s\n' "$project"
    code=0
    vkstate -C "$project" --var-file ../shared.yaml "$@" || code=$?
    if [ "$code" -gt "$highest" ]; then highest=$code; fi
done
exit "$highest"
