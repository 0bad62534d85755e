#!/usr/bin/env bash
# Builds kube-apiserver, etcd and aws-iam-authenticator into a cache folder that the hash of go.mod
# and go.sum names, and prints that folder. About 6 minutes on two cores with an empty Go cache; at
# once when the folder is there. May be called by several checkouts at the same time.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
key=$(cd "$here" && sha256sum go.mod go.sum | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs/control-plane
out=$cache/$key

say() { printf 'control-plane: %s\n' "$*" >&2; }

# The folder appears by one rename once it is complete, so its presence needs no lock.
if [[ -d $out ]]; then
    printf '%s\n' "$out"
    exit
fi

command -v go >/dev/null || {
    say 'go is not on the PATH; install Go 1.26 or later (https://go.dev/dl) and run this again'
    exit 1
}

mkdir -p "$cache"
exec 9>"$cache/$key.lock"
flock --nonblock 9 || {
    say 'another build of the same version is running; waiting for it'
    flock 9
}
if [[ -d $out ]]; then
    printf '%s\n' "$out"
    exit
fi

# The lock is ours, so what an interrupted build left behind is nobody's.
rm -rf "$cache/$key".part-*
part=$(mktemp -d "$cache/$key.part-XXXXXX")

kubernetes=$(cd "$here" && GOFLAGS=-mod=readonly go list -m -f '{{.Version}}' k8s.io/kubernetes)
say "building kube-apiserver $kubernetes, etcd and aws-iam-authenticator (about 6 minutes, once)"

# File descriptor 9 holds the lock: neither child may keep it open after this script is gone.
(cd "$here" && exec env CGO_ENABLED=0 GOFLAGS=-mod=readonly go build \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes" \
    -o "$part/" tool) >"$part/build.log" 2>&1 9>&- &
build=$!
trap 'kill "$build" 2>/dev/null || true; rm -rf "$part"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

next=10
while kill -0 "$build" 2>/dev/null; do
    if ((SECONDS >= next)); then
        say "still building, ${SECONDS} s, $(cd "$part" && find . -type f ! -name build.log | wc -l) of 3 programs linked"
        next=$((SECONDS + 10))
    fi
    sleep 0.2
done

if ! wait "$build"; then
    say 'go build failed:'
    tail -n 40 "$part/build.log" >&2
    exit 1
fi

# go names a program after the last part of its import path, and etcd's is go.etcd.io/etcd/server.
mv "$part/server" "$part/etcd"
rm "$part/build.log"
mv "$part" "$out"
trap - EXIT
say "built in ${SECONDS} s"
printf '%s\n' "$out"
