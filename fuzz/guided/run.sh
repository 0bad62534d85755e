#!/usr/bin/env bash
# Lets libFuzzer grow cases of every target by the code that they reach, for so many seconds each. What it found worth
# keeping, and what failed, stays in a cache folder; the next run goes on from there. Needs a C++ compiler; cargo-fuzz
# is installed once. The toolchain is the pinned one: without a sanitizer (there is no unsafe code to watch) none of
# the flags is a nightly one.
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
    say 'c++ is not on the PATH, and libFuzzer is written in C++; install a C++ compiler and run this again'
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
        say "$target FAILED; the case is in $kept/failed"
        exit 1
    }
    say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$kept/$target.log") cases," \
        "$(find "$kept/$target" -type f | wc -l) of them kept for the code that they reach, 0 failures"
done
