#!/bin/sh
# Posts a file as a comment on the pull request, or merge request, that this job is for.
#
#   comment.sh COMMENT
set -eu
comment=$1
if [ -n "${GITLAB_CI:-}" ]; then
    printf 'PRIVATE-TOKEN: %s\n' "$VKSTATE_TOKEN" |
        curl --fail --silent --show-error --output /dev/null --header @- --data-urlencode "body@$comment" \
            "$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"
else
    gh pr comment "$PULL_REQUEST" --body-file "$comment"
fi
