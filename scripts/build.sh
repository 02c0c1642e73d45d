#!/usr/bin/env bash
# Builds every function for Lambda: scripts/build.sh [--profile NAME]
#
# For x86_64 always, for arm64 where its target is installed (rustup target add aarch64-unknown-linux-gnu). The
# result is a zip for each function and, beside them, template.yaml with each CodeUri replaced by its zip, as
# `sam build` would: target/lambda/<architecture>/template.yaml; and template-iam.yaml, the same with signatures of AWS
# instead of tokens. Prints the size of each zip, and fails where one is over the budget. Needs Rust and Python; what it
# installs stays under target/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Lambda starts the slower the more it has to fetch; 50 MB is where it refuses.
budget_bytes=$((5 * 1024 * 1024))
profile=release
if (($# == 2)) && [[ $1 == --profile ]]; then
    profile=$2
elif (($#)); then
    echo "usage: scripts/build.sh [--profile NAME]" >&2
    exit 2
fi

target=${CARGO_TARGET_DIR:-$PWD/target}
venv=$target/deploy-venv
for tool in cargo python3; do
    command -v "$tool" >/dev/null || { echo "build: $tool is needed, and is not installed" >&2; exit 2; }
done
# The copy is made last: an installation that broke off is begun again.
if ! cmp -s scripts/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --no-input --disable-pip-version-check -r scripts/requirements.txt
    cp scripts/requirements.txt "$venv/requirements.txt"
fi
export PATH=$venv/bin:$PATH

packages=()
for folder in functions/*/; do packages+=(--package "$(basename "$folder")"); done

architectures=(x86_64)
if rustup target list --installed 2>/dev/null | grep -qx aarch64-unknown-linux-gnu; then
    architectures+=(arm64)
else
    echo "build: not for arm64, whose target is not installed (rustup target add aarch64-unknown-linux-gnu)"
fi

code=0
for architecture in "${architectures[@]}"; do
    out=$target/lambda/$architecture
    rm -rf "$out"
    cargo lambda build --locked --profile "$profile" "--${architecture/_/-}" --output-format zip \
        --lambda-dir "$out" "${packages[@]}"
    sed -E 's|CodeUri: functions/([a-z-]+)|CodeUri: \1/bootstrap.zip|; /^ +BuildMethod:/d; /^ +BuildProperties:/d' \
        template.yaml | python3 -c 'import re, sys; print(re.sub(r"    Metadata:\n(?=    Properties:)", "", sys.stdin.read()), end="")' \
        >"$out/template.yaml"
    # SAM takes no parameter where the default authorizer is named, so who lets in by signatures has a template for it.
    sed 's/^        DefaultAuthorizer: TokenAuthorizer$/        DefaultAuthorizer: AWS_IAM/' "$out/template.yaml" >"$out/template-iam.yaml"
    if cmp -s "$out/template.yaml" "$out/template-iam.yaml"; then
        echo "build: template.yaml names its default authorizer otherwise than this script knows" >&2
        exit 2
    fi
    printf '\n%-16s %8s  (%s, %s, zipped, in KiB; at most %d)\n' function KiB "$architecture" "$profile" $((budget_bytes / 1024))
    for folder in functions/*/; do
        name=$(basename "$folder")
        bytes=$(stat -c %s "$out/$name/bootstrap.zip")
        over=''
        if ((bytes > budget_bytes)); then over='  OVER THE BUDGET' && code=1; fi
        printf '%-16s %8d%s\n' "$name" $((bytes / 1024)) "$over"
    done
done
if [[ $profile == release ]] && ((code)); then
    echo "build: a function is larger than its budget" >&2
    exit 1
fi
