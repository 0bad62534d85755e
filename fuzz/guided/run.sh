#!/usr/bin/env bash
# Runs libFuzzer on every target, for a number of seconds each. libFuzzer mutates cases, and keeps those that reach new
# code. A cache folder has the kept cases and the failed ones, and the next run continues with them. The script needs a
# C++ compiler, and installs cargo-fuzz once. It uses the pinned toolchain: without a sanitizer, which only unsafe code
# needs, cargo-fuzz needs no nightly flag.
#
# usage: guided/run.sh SECONDS
set -euo pipefail

seconds=$1
version=0.13.2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs
tool=$cache/cargo-fuzz-$version
kept=$cache/fuzz

say() { printf 'fuzz-guided: %s\n' "$*"; }

command -v c++ >/dev/null || {
    say 'c++ is not on the PATH: install a C++ compiler, because libFuzzer is written in C++, and run this again'
    exit 1
}
[[ -x $tool/bin/cargo-fuzz ]] || {
    say "installing cargo-fuzz $version (about a minute, once)"
    cargo install cargo-fuzz --version "$version" --locked --quiet --root "$tool"
}

cd "$here"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}/guided
fuzz=("$tool/bin/cargo-fuzz" fuzz)
say 'building the targets'
"${fuzz[@]}" build --fuzz-dir . --sanitizer none

for target in event spec aws_auth aws_auth_text; do
    mkdir -p "$kept/$target" "$kept/failed"
    options=("-max_total_time=$seconds" -timeout=60 -max_len=400 -print_final_stats=1 "-artifact_prefix=$kept/failed/$target-")
    [[ $target == aws_auth_text ]] && options+=(-dict=yaml.dict -max_len=2000)
    say "$target, $seconds s"
    "${fuzz[@]}" run --fuzz-dir . --sanitizer none "$target" "$kept/$target" -- "${options[@]}" 2>"$kept/$target.log" || {
        tail -n 40 "$kept/$target.log" >&2
        say "$target FAILED: the case is in $kept/failed"
        exit 1
    }
    say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$kept/$target.log") cases," \
        "$(find "$kept/$target" -type f | wc -l) of them kept because they reach new code, 0 failures"
done
