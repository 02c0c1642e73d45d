#!/usr/bin/env bash
# How long each function takes to start, beside one in Python: scripts/cold-start.sh [--binaries FOLDER] [--starts N]
# [--only NAME].
#
# Starts the binaries that are deployed, those of scripts/build.sh where it has been run for this machine's
# architecture and otherwise those of `cargo build --release` (fat LTO: half an hour on two cores), against Lambda's
# Runtime API and the tables of `epr local`, a hundred times each; prints a table, and renews docs/cold-start.md, unless
# `--only` leaves some out. `--binaries FOLDER` starts others: `<function>/bootstrap` or `<function>`.
#
# Needs Rust, Python 3.11 or later with its package index, and openssl. What it installs and makes is under target/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/cold-start
binaries=
more=()
while (($#)); do
    case $1 in
        --binaries) binaries=$(realpath "$2") && shift 2 ;;
        --starts | --only) more+=("$1" "$2") && shift 2 ;;
        *) echo "usage: scripts/cold-start.sh [--binaries FOLDER] [--starts N] [--only NAME]" >&2 && exit 2 ;;
    esac
done
for tool in cargo openssl python3; do
    command -v "$tool" >/dev/null || { echo "cold-start: $tool is needed, and is not installed" >&2; exit 2; }
done
mkdir -p "$work/logs"

architecture=$(uname -m)
zips=$target/lambda/${architecture/aarch64/arm64}
if [[ -n $binaries ]]; then
    built="of another folder"
elif [[ -f $zips/authorize/bootstrap.zip ]]; then
    built='of `scripts/build.sh`, as they are deployed'
    changed=$(find Cargo.lock Cargo.toml functions shared -newer "$zips/authorize/bootstrap.zip" -name '*.*' -print -quit)
    if [[ -n $changed ]]; then
        echo "cold-start: $changed is newer than what scripts/build.sh made: run that again" >&2
        exit 1
    fi
    binaries=$work/binaries
    rm -rf "$binaries"
    for zip in "$zips"/*/bootstrap.zip; do
        function=$(basename "$(dirname "$zip")")
        python3 -m zipfile -e "$zip" "$binaries/$function"
        chmod +x "$binaries/$function/bootstrap"
    done
else
    built='of `cargo build --release`'
    packages=()
    for folder in functions/*/; do packages+=(--package "$(basename "$folder")"); done
    cargo build --locked --release "${packages[@]}"
    binaries=$target/release
fi

# The tables speak TLS, as those of AWS do: with a certificate of an authority of our own, which stands beside those
# that this machine trusts, so that there are as many to read as anywhere.
identity=$work/identity
if [[ ! -f $identity/authorities.pem ]]; then
    rm -rf "$identity" && mkdir "$identity"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=EPR cold start" -addext basicConstraints=critical,CA:TRUE \
        -keyout "$identity/authority.key" -out "$identity/authority.pem" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$identity/server.key" -out "$identity/server.csr" 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n' >"$identity/extensions"
    openssl x509 -req -in "$identity/server.csr" -CA "$identity/authority.pem" -CAkey "$identity/authority.key" \
        -CAcreateserial -days 3650 -extfile "$identity/extensions" -out "$identity/server.pem" 2>/dev/null
    trusted=$(python3 -c 'import ssl; print(ssl.get_default_verify_paths().cafile or "")')
    for file in "$trusted" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/cert.pem; do
        if [[ -f $file ]]; then break; fi
    done
    cat "$file" "$identity/authority.pem" >"$identity/authorities.pem.new"
    mv "$identity/authorities.pem.new" "$identity/authorities.pem"
fi

# The copy is made last: an installation that broke off is begun again.
python=$work/python
wanted=scripts/benches/cold_start/requirements.txt
if ! cmp -s "$wanted" "$python/requirements.txt"; then
    rm -rf "$python"
    python3 -m venv "$python"
    "$python/bin/pip" install --quiet --no-input --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$python/requirements.txt"
fi
# Beside it Python writes down what it has compiled.
mkdir -p "$work/function"
cp scripts/benches/cold_start/function.py "$work/function/"

exec cargo bench --quiet --locked --profile local -p epr --bench cold-start -- --binaries "$binaries" --built "$built" \
    --identity "$identity" --python "$python/bin/python" --function "$work/function" --logs "$work/logs" \
    --document "$PWD/docs/cold-start.md" ${more[@]+"${more[@]}"}
