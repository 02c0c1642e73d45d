#!/usr/bin/env bash
# Deploys template.yaml to an emulator of AWS and drives what was deployed: scripts/deploy-test.sh [--broken]
#
# The emulator (MiniStack) listens on a free port of the loopback, keeps its state in a folder of its own and
# enforces IAM, so the functions have their own permissions and no more. The template is the one that is deployed to
# AWS, by the real SAM CLI; the functions are those that scripts/build.sh builds. --broken then deploys it again with
# a route, a permission, an event mapping and an environment variable taken out, each of which must be noticed.
# What an emulator cannot show is in docs/DEPLOYMENT.md.
#
#   EPR_DEPLOY_PROFILE   the profile to build the functions with: `release` by default, or `emulated`, which is built in
#                        a third of the time
#   SKIP_BUILD           true to take what was built before
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
if [[ ${SKIP_BUILD:-false} != true ]]; then
    bash scripts/build.sh --profile "${EPR_DEPLOY_PROFILE:-release}"
fi
# The doctor is shown to see what is wrong with a stack; it is asked a few times, so it need not be fast.
cargo build --package epr --features deployments --locked
venv=$target/emulator-venv
if ! cmp -s tests/deployment/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check -r tests/deployment/requirements.txt
    cp tests/deployment/requirements.txt "$venv/requirements.txt"
fi
began=$SECONDS
# The calls are signed, as where scripts/deploy.sh knows no issuer of tokens.
"$venv/bin/python" tests/deployment/run.py "$target/lambda/x86_64/template-iam.yaml" \
    --folder "$target/deploy-test" --sam "$target/deploy-venv/bin/sam" --epr "$target/debug/epr" "$@"
printf 'deploy-test: passed in %d s after the build\n' $((SECONDS - began))
