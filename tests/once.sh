#!/usr/bin/env bash
# Builds or installs something once for all checkouts of a machine. Other scripts source this file.
#
#   once NAME KEY WHAT MAKE [PROGRESS]
#
# prints the folder NAME/KEY of the cache. If the folder is missing, this calls the function MAKE with the empty folder. The
# output of MAKE goes to a log. If MAKE fails, the end of the log is printed. WHAT describes the work and its duration.
# PROGRESS is a function that is called with the folder. Its output is added to the progress line of every 10 seconds. Several
# checkouts can call this at the same time: one builds, and the others wait.
set -euo pipefail

say() { printf '%s: %s\n' "$name" "$*" >&2; }

once() {
    name=$1
    local key=$2 what=$3 make=$4 progress=${5:-:}
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs/$name
    local out=$cache/$key log=$cache/$key.log
    # Programs may contain the path of their folder, so they are built in their final folder. The marker file distinguishes a
    # complete folder from an interrupted build.
    local complete=$out/.complete
    if [[ ! -e $complete ]]; then
        mkdir -p "$cache"
        exec 9>"$cache/$key.lock"
        flock --nonblock 9 || {
            say 'another checkout builds the same, waiting for it'
            flock 9
        }
    fi
    if [[ ! -e $complete ]]; then
        say "$what, only once"
        rm -rf "$out"
        mkdir "$out"
        # File descriptor 9 is the lock. A child process must not keep it open after this script has ended.
        (set -e; "$make" "$out") >"$log" 2>&1 9>&- &
        making=$!
        trap 'kill "$making" 2>/dev/null || true' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        local next=10
        while kill -0 "$making" 2>/dev/null; do
            if ((SECONDS >= next)); then
                say "still running, $SECONDS s$("$progress" "$out")"
                next=$((SECONDS + 10))
            fi
            sleep 0.2
        done
        if ! wait "$making"; then
            say 'failed:'
            tail -n 40 "$log" >&2
            exit 1
        fi
        rm -f "$log"
        : >"$complete"
        trap - EXIT
        say "done in $SECONDS s"
    fi
    printf '%s\n' "$out"
}
