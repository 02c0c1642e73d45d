#!/usr/bin/env bash
# Runs the README's curl lines against a running system: scripts/quickstart.sh http://127.0.0.1:8000
#
# Each line runs as it stands, but for the address. After it, `# =>` in the README says what the answer must hold.
set -euo pipefail
url=${1:?usage: scripts/quickstart.sh URL}
readme=$(dirname "${BASH_SOURCE[0]}")/../README.md
command='' answer='' checked=0

while IFS= read -r line; do
    case $line in
    '# => '*)
        expected=${line#'# => '}
        if [[ $answer != *"$expected"* ]]; then
            printf 'quickstart: expected %s\n  in the answer %s\n' "$expected" "$answer" >&2
            exit 1
        fi
        checked=$((checked + 1))
        ;;
    '#'* | '') ;;
    *'\') command+="${line%\\} " ;;
    *)
        command+=$line
        command=${command//http:\/\/127.0.0.1:8000/$url}
        printf '$ %s\n' "$command"
        answer=$(eval "$command")
        printf '%s\n' "$answer"
        command=''
        ;;
    esac
done < <(awk '/^<!-- quickstart/ {wanted = 1} /^```/ {inside = wanted && !inside; if (!inside) wanted = 0; next} inside' "$readme")

((checked > 0)) || { printf 'quickstart: the README has no curl lines to run\n' >&2; exit 1; }
printf 'quickstart: %d answers are as the README says\n' "$checked"
