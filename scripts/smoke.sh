#!/usr/bin/env bash
# Tries a deployment from outside: scripts/smoke.sh https://abc123.execute-api.eu-central-1.amazonaws.com
#
# Health and readiness; then, in a tenant of its own, what the product is for: an entity, a role, an assignment, a
# decision, its revocation, a repeat under an idempotency key, and refusals. It creates and archives a few small
# things each time and touches no other tenant.
#
# Where AWS_ACCESS_KEY_ID is set, calls are signed with it (and AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
# AWS_REGION); EPR_TOKEN is sent as a bearer token instead; without either, as for `epr local`, they go as they are.
#
#   EPR_SMOKE_TENANT   the tenant, `smoke` by default; that of the token, where that has one
set -euo pipefail

url=${1:-}
if [[ $url != http://* && $url != https://* ]]; then
    echo "usage: scripts/smoke.sh URL, such as https://abc123.execute-api.eu-central-1.amazonaws.com" >&2
    exit 2
fi
url=${url%/}
for tool in curl jq; do
    command -v "$tool" >/dev/null || { echo "smoke: $tool is needed, and is not installed" >&2; exit 2; }
done

tenant=${EPR_SMOKE_TENANT:-smoke}
run=$(date -u +%Y%m%d%H%M%S)-$$
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-us-east-1}}
checked=0
answer=$(mktemp)
config=$(mktemp)
trap 'rm -f "$answer" "$config"' EXIT

# In a file, so that no secret stands in the list of processes.
if [[ -n ${EPR_TOKEN:-} ]]; then
    printf 'header = "Authorization: Bearer %s"\n' "$EPR_TOKEN" >"$config"
elif [[ -n ${AWS_ACCESS_KEY_ID:-} ]]; then
    {
        printf 'aws-sigv4 = "aws:amz:%s:execute-api"\n' "$region"
        printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "${AWS_SECRET_ACCESS_KEY:-}"
        if [[ -n ${AWS_SESSION_TOKEN:-} ]]; then
            printf 'header = "x-amz-security-token: %s"\n' "$AWS_SESSION_TOKEN"
        fi
    } >"$config"
fi

# call STATUS METHOD PATH [BODY] [HEADER…]: the answer, of which the status must be that, is in $answer.
call() {
    local expected=$1 method=$2 path=$3 body=${4:-} status
    shift $(($# < 4 ? $# : 4))
    local arguments=(--silent --show-error --max-time 30 --request "$method" --output "$answer" --write-out '%{http_code}')
    if [[ -n $body ]]; then arguments+=(--header 'content-type: application/json' --data-binary "$body"); fi
    local header
    for header in "$@"; do arguments+=(--header "$header"); done
    status=$(curl --config "$config" "${arguments[@]}" --header "x-tenant-id: $tenant" "$url$path")
    if [[ $status != "$expected" ]]; then
        printf 'smoke: %s %s answered %s, not %s:\n' "$method" "$path" "$status" "$expected" >&2
        head -c 2000 "$answer" >&2
        echo >&2
        exit 1
    fi
}

# holds WHAT FILTER: that the last answer holds what a jq filter says.
holds() {
    if ! jq --exit-status "$2" "$answer" >/dev/null; then
        printf 'smoke: %s: the answer does not hold %s:\n' "$1" "$2" >&2
        head -c 2000 "$answer" >&2
        echo >&2
        exit 1
    fi
    checked=$((checked + 1))
    printf 'ok  %s\n' "$1"
}

id() { jq --raw-output .id "$answer"; }

call 200 GET /healthz
holds "the API is alive" '.status == "ok"'
call 200 GET /readyz
holds "it reaches its tables" '.status == "ok"'

call 201 POST /api/v1/entities "{\"name\": \"Smoke issuer $run\", \"type\": \"issuer\"}" "idempotency-key: $run"
issuer=$(id)
holds "an entity is created" '.version == 1 and .status == "active"'
call 201 POST /api/v1/entities "{\"name\": \"Smoke issuer $run\", \"type\": \"issuer\"}" "idempotency-key: $run"
holds "the same request under its idempotency key is answered, and not done, again" ".id == \"$issuer\""
call 409 POST /api/v1/entities "{\"name\": \"Another $run\", \"type\": \"issuer\"}" "idempotency-key: $run"
holds "another request under that key is refused" '.code == "idempotency_key_reused"'
call 201 POST /api/v1/entities "{\"name\": \"Smoke offering $run\", \"type\": \"offering\", \"parent_id\": \"$issuer\"}"
offering=$(id)
holds "an entity stands under it" ".parent_id == \"$issuer\""

call 201 POST /api/v1/roles "{\"name\": \"Smoke reader $run\", \"permissions\": [\"document:download\"]}"
role=$(id)
holds "a role is created" '.permissions == ["document:download"]'
call 201 POST /api/v1/assignments "{\"principal_id\": \"smoke-$run\", \"role_id\": \"$role\", \"entity_id\": \"$issuer\"}"
assignment=$(id)
holds "it is assigned" '.id != null'

question="{\"user_id\": \"smoke-$run\", \"action\": \"document:download\", \"resource_id\": \"$offering\", \"explain\": true}"
call 200 POST /api/v1/authorize "$question"
holds "what is assigned above is allowed below, and explained" \
    ".authorized and .decision.path == [\"$offering\", \"$issuer\"]"
call 200 POST /api/v1/authorize "${question/document:download/document:upload}"
holds "what is not assigned is denied, with the reason" \
    '(.authorized | not) and .decision.reason == "action_not_granted"'
call 404 POST /api/v1/authorize "${question/$offering/no-such-thing}"
holds "an unknown resource is told" '.code == "unknown_resource"'
call 200 DELETE "/api/v1/assignments/$assignment"
holds "the assignment is revoked" '.status == "revoked"'
call 200 POST /api/v1/authorize "$question"
holds "and what was allowed is denied at once" '.authorized | not'

call 400 POST /api/v1/entities '{"name": ""}'
holds "what is wrong is told, all of it" '(.errors | length) >= 2'
call 200 GET "/api/v1/entities?limit=1"
holds "lists come in pages" '(.items | length) == 1'
call 200 POST "/api/v1/entities/$offering/archive"
holds "an entity is archived" '.status == "archived"'
call 200 POST "/api/v1/entities/$issuer/archive"
holds "and the one above it" '.status == "archived"'
printf 'smoke: %d checks passed, in tenant %s of %s\n' "$checked" "$tenant" "$url"
