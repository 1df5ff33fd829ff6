#!/usr/bin/env bash
# Runs all tests.
#
#   tests/run.sh         installs (on Debian, as root) what the tests need beyond Rust, then tests
#   tests/run.sh --ci    the same, with formatting, lints and documentation before, and a bounded fuzzing run behind
#
# What is missing is skipped, and said so at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

ci=false
[ "${1:-}" = "--ci" ] && ci=true
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
skipped=()

say() { printf '\n== %s\n' "$*"; }

say "tools that other tests are judged by"
packages=(babeltrace2 python3-bt2 xvfb xauth xdotool libxcursor1 libxi6 libx11-xcb1 libxkbcommon-x11-0 libegl1 libgl1-mesa-dri)
$ci && packages+=(g++) # for libFuzzer
missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        if [ "$(id -u)" = 0 ]; then
            echo "installing ${missing[*]}"
            (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}") >/dev/null ||
                skipped+=("tests that need ${missing[*]}: the packages could not be installed")
        else
            skipped+=("tests that need ${missing[*]}: run 'apt-get install ${missing[*]}' as root")
        fi
    fi
else
    skipped+=("comparisons with babeltrace2 and the run under Xvfb: this is not a Debian machine")
fi
[ -d ../shared/traces ] || skipped+=("traces of other projects: there is no ../shared/traces beside this checkout")

if $ci; then
    say "formatting"
    cargo fmt --all --check
    say "lints"
    cargo clippy --workspace --all-targets --quiet -- -D warnings
    say "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
fi

say "the program"
cargo build --release --quiet
say "tests"
cargo test --workspace --quiet

if $ci; then
    say "fuzzing"
    tests/fuzz.sh 20
fi

for reason in "${skipped[@]}"; do echo "skipped: $reason"; done
