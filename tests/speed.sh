#!/usr/bin/env bash
# Prints how fast the engine is, as ratios to babeltrace2 in the same run on the same trace.
#
#   tests/speed.sh [BYTES] [GUESTS]     BYTES: size of the generated trace, such as 1G (default) or 100M
#
# The machine should be idle and the trace fit into memory. Needs babeltrace2 and GNU time.
set -euo pipefail
cd "$(dirname "$0")/.."
bytes=${1:-1G}
guests=${2:-0}

cargo build --release --quiet -p stratoscope
cargo build --release --quiet -p stratoscope-tests --bin make-trace
target=${CARGO_TARGET_DIR:-target}/release
folder=$(mktemp -d "${TMPDIR:-/tmp}/stratoscope-speed.XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$target/make-trace" --bytes "$bytes" --guests "$guests" --out "$folder/trace"
cat $(find "$folder/trace" -name 'chan_*' -type f) > /dev/null # into the file cache

# Best of three: what else the machine does only ever adds.
best() {
    local best=""
    for _ in 1 2 3; do
        local begin end
        begin=$(date +%s%N)
        "$@" > /dev/null 2> "$folder/err" || { cat "$folder/err" >&2; exit 1; }
        end=$(date +%s%N)
        local ns=$((end - begin))
        if [ -z "$best" ] || [ "$ns" -lt "$best" ]; then best=$ns; fi
    done
    echo "$best"
}

events=$("$target/stratoscope" info --json --quiet "$folder/trace" | grep -o '"events":[0-9]*' | cut -d: -f2 | paste -sd+ | bc)
babeltrace=$(best babeltrace2 -c sink.utils.counter --params=step=+0 "$folder/trace")
info=$(best "$target/stratoscope" info --quiet "$folder/trace")
states=$(best "$target/stratoscope" states --limit 1 --quiet "$folder/trace")
rss=$({ command time -f %M "$target/stratoscope" states --limit 1 --quiet "$folder/trace" > /dev/null; } 2>&1 | tail -n 1)

row() { # name, ns
    awk -v name="$1" -v ns="$2" -v events="$events" -v bt="$babeltrace" \
        'BEGIN { printf "%-44s %8.2f s %9.1f M events/s %8.1f x\n", name, ns / 1e9, events / ns * 1e3, bt / ns }'
}
echo
echo "$events events, $bytes bytes, $guests guests, $(nproc) cores"
row "babeltrace2 counter" "$babeltrace"
row "stratoscope info (every event decoded)" "$info"
row "stratoscope states (full kernel analysis)" "$states"
echo "peak resident memory of the analysis, mapped files included: $((rss / 1024)) MB"
