#!/usr/bin/env bash
# Requests per second and latency over HTTP: scripts/load.sh [SECONDS] prints a table.
#
# Builds and starts the system by itself, with its data in a folder that goes when this ends; needs `wrk`
# (Debian: apt-get install wrk) and installs nothing. Client and server share the machine's cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-10}
command -v wrk >/dev/null || { echo 'load: needs wrk, which Debian has as the package `wrk`' >&2; exit 2; }

cargo build --quiet --profile local -p epr
work=$(mktemp -d)
server=
finish() {
    if [[ -n $server ]]; then kill -INT "$server" 2>/dev/null && wait "$server" || true; fi
    rm -rf "$work"
}
trap finish EXIT

EPR_LOG_LEVEL=WARN target/local/epr local --data "$work/data" --port 0 2>"$work/banner" >"$work/log" &
server=$!
for _ in $(seq 100); do grep -q address "$work/banner" && break || sleep 0.05; done
url=$(awk '/address/ {print $2}' "$work/banner")

post() { curl -sf "$url$1" -H 'Content-Type: application/json' -d "$2" >/dev/null; }

# A line of 10 entities, 100 roles, and an assignment of each to Alice somewhere on the line.
parent=
for level in $(seq 10); do
    post /api/v1/entities "{\"id\": \"level-$level\", \"name\": \"Level $level\", \"type\": \"other\"${parent:+, \"parent_id\": \"$parent\"}}"
    parent=level-$level
done
for role in $(seq 100); do
    post /api/v1/roles "{\"id\": \"role-$role\", \"name\": \"Role $role\", \"permissions\": [\"doc:act-$role\"]}"
    post /api/v1/assignments "{\"principal_id\": \"alice\", \"role_id\": \"role-$role\", \"entity_id\": \"level-$((role % 10 + 1))\"}"
done
# Bob, as most are: two roles, on an entity four deep.
for role in 1 2; do post /api/v1/assignments "{\"principal_id\": \"bob\", \"role_id\": \"role-$role\", \"entity_id\": \"level-1\"}"; done

script() { # script NAME BODY: a POST of that body, as Lua
    printf 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = %s\n' "'$2'" >"$work/$1.lua"
}
script bob '{"user_id": "bob", "action": "doc:act-2", "resource_id": "level-4"}'
script alice '{"user_id": "alice", "action": "doc:act-100", "resource_id": "level-10"}'
cat >"$work/create.lua" <<'LUA'
local thread = 0
function setup(it) it:set("id", thread) thread = thread + 1 end
function init() count = 0 stamp = string.format("%d-%d", os.time(), math.floor(os.clock() * 1e6)) end
function request()
    count = count + 1
    local body = string.format('{"name": "Load %s-%d-%d", "type": "investor"}', stamp, id, count)
    return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
end
LUA

run() { # run NAME CONNECTIONS PATH [SCRIPT]
    local out
    out=$(wrk -t1 -c"$2" -d"${seconds}s" --latency ${4:+-s "$work/$4.lua"} "$url$3")
    printf '| %-44s | %11d | %8.0f | %9s | %9s |' "$1" "$2" \
        "$(awk '/Requests\/sec/ {print $2}' <<<"$out")" \
        "$(awk '$1 == "50%" {print $2}' <<<"$out")" "$(awk '$1 == "99%" {print $2}' <<<"$out")"
    grep -E 'Non-2xx|Socket errors' <<<"$out" || echo
}

printf '%d cores, %s, %d s each\n\n' "$(nproc)" "$(uname -m)" "$seconds"
printf '| %-44s | %11s | %8s | %9s | %9s |\n' request connections rps p50 p99
printf '|%s|%s|%s|%s|%s|\n' "$(printf -- '-%.0s' {1..46})" ------------: ---------: ----------: ----------:
for connections in 1 16; do
    run 'authorize, 4 deep, 2 roles' $connections /api/v1/authorize bob
    run 'authorize, 10 deep, 100 roles' $connections /api/v1/authorize alice
    run 'get an entity' $connections /api/v1/entities/level-10
    run 'create an entity' $connections /api/v1/entities create
done
