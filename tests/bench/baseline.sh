#!/usr/bin/env bash
# Builds the function of another commit in the release profile. Prints the path of the program on the last line of stdout.
#
#   baseline.sh COMMIT
#
# The build is kept for each commit. It begins with a copy of this checkout's release build, so that only what differs is built
# again. Without one, it takes about as long as the release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

commit=$(git rev-parse --verify --quiet "${1:?a commit}^{commit}") || {
    echo "baseline: $1 is no commit of this repository" >&2
    exit 1
}
folder=${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs/baseline/$commit
program=$folder/bootstrap
if [[ ! -x $program ]]; then
    echo "baseline: building the function of $1 (2 to 13 minutes), only once" >&2
    rm -rf "$folder"
    mkdir -p "$folder"
    git worktree prune
    git worktree add --quiet --detach "$folder/checkout" "$commit"
    trap 'git worktree remove --force "$folder/checkout"; rm -rf "$folder/target"' EXIT
    release=${CARGO_TARGET_DIR:-target}/release
    if [[ -d $release ]]; then
        mkdir "$folder/target"
        cp -a "$release" "$folder/target/release"
    fi
    (cd "$folder/checkout" && CARGO_TARGET_DIR=$folder/target \
        cargo build --release --locked --package karpenter-prereqs-function >&2)
    mv "$folder/target/release/bootstrap" "$program"
fi
echo "$program"
