#!/usr/bin/env bash
# Builds the function of another commit in the release profile of that commit, once for each commit, and the program that times the
# edit of aws-auth, if that commit has it. Prints the folder of its `bootstrap` and `edit`.
#
#   baseline.sh COMMIT
#
# The build begins with a copy of this checkout's release build, so that only what differs is built again. Without one, it takes
# about as long as the release build.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../once.sh"

checkout=$here/../..
release=${CARGO_TARGET_DIR:-$checkout/target}/release

build() {
    if [[ -d $release ]]; then
        mkdir "$1/target"
        cp -a "$release" "$1/target/release"
    fi
    # After the copy: Cargo builds again what is newer than its output, and so all of this checkout.
    git -C "$checkout" worktree add --quiet --detach "$1/checkout" "$commit"
    packages=(--package karpenter-prereqs-function)
    [[ -d $1/checkout/tests/bench/edit ]] && packages+=(--package karpenter-prereqs-bench-edit)
    (cd "$1/checkout" && CARGO_TARGET_DIR=$1/target cargo build --release --locked "${packages[@]}")
    mv "$1/target/release/bootstrap" "$1/bootstrap"
    # A copy of this checkout's program is in the folder too, so only what was built counts.
    [[ ${#packages[@]} -eq 2 ]] || mv "$1/target/release/edit" "$1/edit"
    git -C "$checkout" worktree remove --force "$1/checkout"
    rm -rf "$1/target"
}

name=baseline
git -C "$checkout" rev-parse --git-dir >/dev/null || { say 'this checkout has no history'; exit 1; }
commit=$(git -C "$checkout" rev-parse --verify --quiet "${1:?a commit}^{commit}") || {
    say "$1 is no commit here. If this is a shallow clone: git fetch --unshallow"
    exit 1
}
once baseline "$commit" "building the function of $1 (2 to 13 minutes)" build
