#!/usr/bin/env bash
# Builds and deploys EPR, and tries what was deployed: scripts/deploy.sh [dev|prod]
#
# Needs Rust, Python, curl and jq, and AWS credentials in the environment or a profile. The parameters are in
# samconfig.toml; more of them are described at the head of template.yaml. It can be run again and again: only what
# has changed is changed, and the tables stay.
#
#   STACK_NAME     the stack; epr-dev or epr-prod by default
#   AWS_REGION     the region; that of the profile by default
#   ARCHITECTURE   arm64 or x86_64; arm64 by default where it can be built
#   PARAMETERS     further parameters, such as "AlarmTopicArn=arn:aws:sns:… RequestsPerSecond=5000"
#   AUTHORIZER     who says who calls: `tokens` (the issuers of TokenIssuers) or `iam` (signatures of AWS); `tokens`
#                  where TokenIssuers is among the parameters
#   EPR_TOKEN      with `tokens`, the token that the smoke test calls with
#   SKIP_BUILD     true to deploy what was built before
#   SKIP_SMOKE     true to leave the smoke test out
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

environment=${1:-dev}
if [[ $environment != dev && $environment != prod ]]; then
    echo "usage: scripts/deploy.sh [dev|prod]" >&2
    exit 2
fi
for tool in cargo python3 curl jq; do
    command -v "$tool" >/dev/null || { echo "deploy: $tool is needed, and is not installed" >&2; exit 2; }
done
target=${CARGO_TARGET_DIR:-$PWD/target}
stack=${STACK_NAME:-epr-$environment}

if [[ ${SKIP_BUILD:-false} != true ]]; then bash scripts/build.sh; fi
if [[ -z ${ARCHITECTURE:-} ]]; then
    ARCHITECTURE=x86_64
    if [[ -f $target/lambda/arm64/template.yaml ]]; then ARCHITECTURE=arm64; fi
fi
template=$target/lambda/$ARCHITECTURE/template.yaml
if [[ ! -f $template ]]; then
    echo "deploy: nothing was built for $ARCHITECTURE; run scripts/build.sh first" >&2
    exit 2
fi
export PATH=$target/deploy-venv/bin:$PATH SAM_CLI_TELEMETRY=0
python=$target/deploy-venv/bin/python
if ! "$python" -c 'import boto3, sys; sys.exit(boto3.Session().get_credentials() is None)'; then
    echo "deploy: there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" >&2
    exit 2
fi

defaults=$("$python" -c '
import sys, tomllib
with open("samconfig.toml", "rb") as file:
    print(" ".join(tomllib.load(file)[sys.argv[1]]["deploy"]["parameters"]["parameter_overrides"]))
' "$environment")
if [[ -z ${AUTHORIZER:-} ]]; then
    AUTHORIZER=iam
    if [[ " $defaults ${PARAMETERS:-}" == *" TokenIssuers="* ]]; then AUTHORIZER=tokens; fi
fi
if [[ $AUTHORIZER == iam ]]; then
    template=${template%.yaml}-iam.yaml
elif [[ $AUTHORIZER != tokens ]]; then
    echo "deploy: AUTHORIZER must be tokens or iam" >&2
    exit 2
fi
# shellcheck disable=SC2086 # Parameters are words.
sam deploy --config-file "$PWD/samconfig.toml" --config-env "$environment" --template-file "$template" \
    --stack-name "$stack" --no-fail-on-empty-changeset \
    --parameter-overrides $defaults "Architecture=$ARCHITECTURE" ${PARAMETERS:-}

url=$(sam list stack-outputs --stack-name "$stack" --output json |
    jq --raw-output '.[] | select(.OutputKey == "ApiUrl").OutputValue')
printf '\nEPR is deployed as %s: %s\n' "$stack" "$url"

if [[ $AUTHORIZER == tokens && -z ${EPR_TOKEN:-} ]]; then
    echo "deploy: not tried: that needs a token; set EPR_TOKEN, and EPR_SMOKE_TENANT to its tenant"
elif [[ ${SKIP_SMOKE:-false} != true ]]; then
    # The smoke test signs its calls with credentials from the environment, wherever these are from.
    eval "$("$python" - <<'PYTHON'
import shlex

import boto3

session = boto3.Session()
credentials = session.get_credentials().get_frozen_credentials()
for name, value in (
    ("AWS_ACCESS_KEY_ID", credentials.access_key),
    ("AWS_SECRET_ACCESS_KEY", credentials.secret_key),
    ("AWS_SESSION_TOKEN", credentials.token),
    ("AWS_REGION", session.region_name),
):
    if value:
        print(f"export {name}={shlex.quote(value)}")
PYTHON
    )"
    bash scripts/smoke.sh "$url"
fi
