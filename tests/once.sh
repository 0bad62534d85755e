#!/usr/bin/env bash
# What is built or installed once for all checkouts of a machine; sourced by the scripts that do so.
#
#   once NAME KEY WHAT MAKE [PROGRESS]
#
# prints the folder NAME/KEY of the cache. When it is not there, MAKE, a function, is called with it, empty: what it
# prints goes to a log, whose end is shown if it fails. WHAT says what is made and how long that takes, and PROGRESS,
# a function that is called with the folder, what to add to the line of every ten seconds. May be called by several
# checkouts at the same time: the others wait.
set -euo pipefail

say() { printf '%s: %s\n' "$name" "$*" >&2; }

once() {
    name=$1
    local key=$2 what=$3 make=$4 progress=${5:-:}
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs/$name
    local out=$cache/$key log=$cache/$key.log
    # Programs may name the folder that they were installed to, so all is made where it stays, and a marker tells a
    # whole one from one whose making was interrupted.
    local complete=$out/.complete
    if [[ ! -e $complete ]]; then
        mkdir -p "$cache"
        exec 9>"$cache/$key.lock"
        flock --nonblock 9 || {
            say 'another checkout is making the same; waiting for it'
            flock 9
        }
    fi
    if [[ ! -e $complete ]]; then
        say "$what, once"
        rm -rf "$out"
        mkdir "$out"
        # File descriptor 9 holds the lock: no child may keep it open after this script is gone.
        (set -e; "$make" "$out") >"$log" 2>&1 9>&- &
        making=$!
        trap 'kill "$making" 2>/dev/null || true' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        local next=10
        while kill -0 "$making" 2>/dev/null; do
            if ((SECONDS >= next)); then
                say "still at it, $SECONDS s$("$progress" "$out")"
                next=$((SECONDS + 10))
            fi
            sleep 0.2
        done
        if ! wait "$making"; then
            say 'that failed:'
            tail -n 40 "$log" >&2
            exit 1
        fi
        rm -f "$log"
        : >"$complete"
        trap - EXIT
        say "made in $SECONDS s"
    fi
    printf '%s\n' "$out"
}
