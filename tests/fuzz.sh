#!/usr/bin/env bash
# Fuzzes what parses, each target for a bounded time, as many at once as there are cores, from the inputs in
# tests/fuzz/corpus.
#
#   tests/fuzz.sh [SECONDS] [TARGET…]   builds, then runs each target for SECONDS (30); all targets if none is named
#   tests/fuzz.sh --keep [TARGET…]      replaces the kept inputs by the fewest that reach as much, those that the last
#                                       runs found included
#
# Works with a stable toolchain on x86-64 Linux: libFuzzer is compiled by the C++ compiler, and the coverage that it
# needs is a pass of LLVM. Works offline once cargo has fetched the packages of tests/fuzz/Cargo.lock.
# Ends with an error if an input breaks what is promised; that input is kept, and how to run it again is said.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=false
seconds=30
if [ "${1:-}" = "--keep" ]; then
    keep=true
    shift
elif [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(metadata packets trace filter)

if ! command -v c++ >/dev/null; then
    echo "libFuzzer needs a C++ compiler: apt-get install g++" >&2
    exit 2
fi

here=$PWD/tests/fuzz
triple=x86_64-unknown-linux-gnu
# Beside the target folder of normal builds, whose flags differ.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
sancov="-Cpasses=sancov-module"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    sancov+=" -Cllvm-args=-sanitizer-coverage-$flag"
done
# With --target the flags are not for build scripts and macros, which run without libFuzzer.
(cd "$here" && RUSTFLAGS="-Ccodegen-units=1 $sancov" cargo build --release --locked --quiet --target $triple)
bin=$CARGO_TARGET_DIR/$triple/release

# What runs found and made is left for --keep; the traces that are read lie in memory where that is possible.
found=$CARGO_TARGET_DIR/found
temporary=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$temporary"' EXIT
export TMPDIR=$temporary
# One thread: coverage is counted without locks, and two runs of one input shall be equal.
export RAYON_NUM_THREADS=1

fuzz() { # target
    local target=$1
    corpus=$here/corpus/$target
    mkdir -p "$found/$target" "$found/finds/$target" "$corpus"
    options=(-timeout=5 -rss_limit_mb=1024 -artifact_prefix="$found/finds/$target/")
    case $target in
        metadata | trace) options+=(-dict="$here/tsdl.dict" -max_len=8192) ;;
        filter) options+=(-dict="$here/filter.dict" -max_len=512) ;;
        *) options+=(-max_len=8192) ;;
    esac
    if $keep; then
        mkdir "$temporary/merged-$target"
        # What was reached counts, not how often: that keeps a tenth.
        "$bin/$target" "${options[@]}" -set_cover_merge=1 -use_counters=0 "$temporary/merged-$target" "$corpus" "$found/$target" 2>&1 | grep MERGE-OUTER | tail -1
        rm -rf "$corpus"
        mv "$temporary/merged-$target" "$corpus"
        return
    fi
    log=$found/$target.log
    if "$bin/$target" "${options[@]}" -max_total_time="$seconds" -print_final_stats=1 "$found/$target" "$corpus" >"$log" 2>&1; then
        start=$(grep -m1 INITED "$log" | grep -o 'cov: [0-9]*' || true)
        end=$(grep DONE "$log" | grep -o 'cov: [0-9]*' || true)
        runs=$(grep -o 'number_of_executed_units: .*' "$log" | grep -o '[0-9]*' || true)
        speed=$(grep -o 'average_exec_per_sec: .*' "$log" | grep -o '[0-9]*' || true)
        printf '%-9s %8s runs, %5s a second; %s at the start, %s at the end; %s kept inputs\n' \
            "$target" "$runs" "$speed" "$start" "$end" "$(find "$corpus" -type f | wc -l)"
        return
    fi
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
    # A panic's or the sanitizer's own words, without libFuzzer's frames.
    grep -a -A3 -m1 -E 'panicked at|ERROR: libFuzzer' "$log" | head -5 >&2 || true
    {
        echo "$target: this input breaks it:  ${input:-(none was written: see $log)}"
        echo "  again:     $bin/$target ${input:-}"
        echo "  smaller:   $bin/$target -minimize_crash=1 -max_total_time=60 -exact_artifact_path=smaller ${input:-}"
        echo "  for good:  install -Dm644 ${input:-} tests/fuzz/finds/$target/NAME && cargo test -p stratoscope-tests --test corpus"
    } >&2
    return 1
}

for target in "${targets[@]}"; do
    while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    # Not reached where the target fails.
    { fuzz "$target"; touch "$temporary/$target.done"; } &
done
wait
for target in "${targets[@]}"; do [ -e "$temporary/$target.done" ] || exit 1; done
