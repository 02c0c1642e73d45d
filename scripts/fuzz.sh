#!/usr/bin/env bash
# Fuzzes every reader of what comes from outside: scripts/fuzz.sh [--pure] [SECONDS] [TARGET...], by default 10 s of
# each. With --pure only those that need no deployment, which are built in a minute or two.
#
# Builds `fuzz/driver` with libFuzzer, which needs a C++ compiler, and instruments it by options that the stable
# compiler has; no other tool. Begins with the samples in fuzz/corpus and what earlier runs found, which stays in
# target/fuzz/corpus. Prints a table, and ends with an error where a promise is broken: the input lies in
# target/fuzz/broken, and belongs into fuzz/corpus with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
pure=()
if [[ ${1:-} == --pure ]]; then pure=(--no-default-features) && shift; fi
seconds=${1:-10}
targets=("${@:2}")
if ((${#targets[@]} == 0)); then
    for folder in fuzz/corpus/*/; do targets+=("$(basename "$folder")"); done
    if ((${#pure[@]})); then
        mapfile -t targets < <(sed -n '/^const PURE/,/^]/s/^    ("\([a-z_]*\)".*/\1/p' fuzz/src/lib.rs)
    fi
fi
command -v c++ >/dev/null || { echo 'fuzz: needs a C++ compiler, which Debian has as the package `g++`' >&2; exit 2; }

export CARGO_TARGET_DIR=$PWD/target/fuzz
host=$(rustc -vV | awk '/^host:/ {print $2}')
# For a named target, so that build scripts and macros are not instrumented.
flags=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares)
RUSTFLAGS="${flags[*]}" cargo build --quiet --manifest-path fuzz/driver/Cargo.toml --locked --release --target "$host" \
    ${pure[@]+"${pure[@]}"}
program=target/fuzz/$host/release/any
work=target/fuzz
mkdir -p "$work/broken"

printf '| %-12s | %10s | %7s | %7s | %7s | %6s |\n' target executions 'exec/s' edges corpus 'MB max'
printf '|%s|%s:|%s:|%s:|%s:|%s:|\n' -------------- ----------- -------- -------- -------- -------
failed=0
for target in "${targets[@]}"; do
    mkdir -p "$work/corpus/$target"
    log=$work/$target.log
    if ! EPR_FUZZ_TARGET=$target EPR_LOG_LEVEL=ERROR "$program" "$work/corpus/$target" "fuzz/corpus/$target" \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=8192 -print_final_stats=1 \
        -use_value_profile=1 -artifact_prefix="$work/broken/$target-" >"$log" 2>&1; then
        failed=1
        grep -aE 'panicked|SUMMARY|ERROR: libFuzzer|Test unit written' -A1 "$log" >&2 || tail -n 20 "$log" >&2
    fi
    of() { awk -v name="stat::$1:" '$1 == name {print $2}' "$log"; }
    printf '| %-12s | %10s | %7s | %7s | %7s | %6s |\n' "$target" "$(of number_of_executed_units)" \
        "$(of average_exec_per_sec)" "$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1 | awk '{print $2}')" \
        "$(find "$work/corpus/$target" -type f | wc -l)" "$(of peak_rss_mb)"
done
exit $failed
