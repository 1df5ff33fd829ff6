#!/usr/bin/env bash
# Prints how fast the engine is: ratios to babeltrace2 in the same run on the same trace, how the analysis grows
# with the trace, when the first pictures are there, how long joins of hosts' and guests' rows take, and how much
# memory it takes.
#
#   tests/speed.sh [BYTES] [GUESTS] [SIZE…]
#
# BYTES: size of the generated trace (1G); GUESTS: machines in it beside the host (0); SIZE…: of the other traces
# whose analysis is timed (100M, and 4G where the disk and memory have room for it).
# The machine should be idle. Needs babeltrace2.
set -euo pipefail
cd "$(dirname "$0")/.."
bytes=${1:-1G}
guests=${2:-0}
sizes=("${@:3}")

cargo build --release --quiet -p stratoscope
cargo build --release --quiet -p stratoscope-tests --bin make-trace
cargo bench --quiet --no-run -p stratoscope-core --bench first_picture --bench rejoin --bench flow
target=${CARGO_TARGET_DIR:-target}/release
folder=$(mktemp -d "${TMPDIR:-/tmp}/stratoscope-speed.XXXXXX")
trap 'rm -rf "$folder"' EXIT

if [ ${#sizes[@]} -eq 0 ]; then
    sizes=(100M)
    free_disk=$(df --output=avail -B1M "$folder" | tail -n 1)
    free_memory=$(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
    if [ "$free_disk" -gt 10000 ] && [ "$free_memory" -gt 8000 ]; then sizes+=(4G); fi
fi

make_trace() { # size, guests, folder
    "$target/make-trace" --bytes "$1" --guests "$2" --out "$3"
    find "$3" -name 'chan_*' -type f -exec cat {} + > /dev/null # into the file cache
}

count() { # trace
    "$target/stratoscope" info --json --quiet "$1" | grep -o '"events":[0-9]*' | cut -d: -f2 | paste -sd+ | bc
}

# Nanoseconds, best of three: what else the machine does only ever adds.
best() {
    local best="" begin ns
    for _ in 1 2 3; do
        begin=$(date +%s%N)
        "$@" > /dev/null 2> "$folder/err" || { cat "$folder/err" >&2; exit 1; }
        ns=$(($(date +%s%N) - begin))
        if [ -z "$best" ] || [ "$ns" -lt "$best" ]; then best=$ns; fi
    done
    echo "$best"
}

# Highest anonymous memory in KiB, looked at every 10 ms: mapped files are the system's to drop.
peak_anonymous() {
    local peak=0 now
    "$@" > /dev/null 2>&1 &
    while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$!/status" 2> /dev/null) && [ -n "$now" ]; do
        if [ "$now" -gt "$peak" ]; then peak=$now; fi
        sleep 0.01
    done
    echo "$peak"
}

trace=$folder/trace
make_trace "$bytes" "$guests" "$trace"
events=$(count "$trace")
babeltrace=$(best babeltrace2 -c sink.utils.counter --params=step=+0 "$trace")
info=$(best "$target/stratoscope" info --quiet "$trace")
states=$(best "$target/stratoscope" states --limit 1 --quiet "$trace")

row() { # name, ns
    awk -v name="$1" -v ns="$2" -v events="$events" -v bt="$babeltrace" \
        'BEGIN { printf "%-44s %8.2f s %9.1f M events/s %8.1f x\n", name, ns / 1e9, events / ns * 1e3, bt / ns }'
}
echo
echo "$events events, $bytes bytes, $guests guests, $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
row "babeltrace2 counter" "$babeltrace"
row "stratoscope info (every event decoded)" "$info"
row "stratoscope states (full kernel analysis)" "$states"
echo "peak anonymous memory of the analysis: $(($(peak_anonymous "$target/stratoscope" states --limit 1 --quiet "$trace") / 1024)) MB"

echo
echo "finding events of the same trace, as babeltrace2 | grep does (wanted: 10 x; the first one within 100 ms)"
find() { # filter, pattern
    local ours theirs first found greps
    greps=$(babeltrace2 "$trace" | grep -c "$2" || true)
    found=$("$target/stratoscope" events --filter "$1" --json --quiet "$trace" | wc -l)
    [ "$greps" = "$found" ] || echo "different: $found found, $greps by grep"
    theirs=$(date +%s%N)
    babeltrace2 "$trace" | grep "$2" > /dev/null || true
    theirs=$(($(date +%s%N) - theirs))
    ours=$(best "$target/stratoscope" events --filter "$1" --json --quiet "$trace")
    first=$(best "$target/stratoscope" events --filter "$1" --json --quiet --limit 1 "$trace")
    awk -v f="$1" -v n="$found" -v t="$theirs" -v o="$ours" -v first="$first" \
        'BEGIN { printf "%-44s %9d found %8.2f s %8.1f x, the first after %.0f ms\n", f, n, o / 1e9, t / o, first / 1e6 }'
}
find 'name == "sched_switch" and next_tid == 611' 'sched_switch:.* next_tid = 611,'
find 'name ~ "^irq_"' ' irq_[a-z_]*: {'
find 'ret < 0' ' ret = -'

echo
echo "first pictures of the same trace"
cargo bench --quiet -p stratoscope-core --bench first_picture -- "$trace"

echo
echo "execution flows of the busiest threads (their graph is rows and points: building it takes no time)"
cargo bench --quiet -p stratoscope-core --bench flow -- "$trace"

if [ "$guests" -gt 0 ]; then
    echo
    echo "joins of the same trace (wanted: 100 ms per M intervals, whole at most 2 x reading)"
    cargo bench --quiet -p stratoscope-core --bench rejoin -- "$trace"
fi

echo
echo "full kernel analysis by size (1.00 x: as many events a second as for $bytes)"
linear() { # size, events, ns
    awk -v size="$1" -v n="$2" -v ns="$3" -v n1="$events" -v ns1="$states" \
        'BEGIN { printf "%-8s %12d events %8.2f s %9.1f M events/s %6.2f x\n", size, n, ns / 1e9, n / ns * 1e3, n / ns * ns1 / n1 }'
}
linear "$bytes" "$events" "$states"
for size in "${sizes[@]}"; do
    make_trace "$size" "$guests" "$folder/other" > /dev/null
    linear "$size" "$(count "$folder/other")" "$(best "$target/stratoscope" states --limit 1 --quiet "$folder/other")"
    rm -r "$folder/other"
done
