#!/usr/bin/env bash
# Builds kube-apiserver, etcd, aws-iam-authenticator and parse-map, which is the authenticator's parser as a program. Prints their
# folder. The folder is in the cache, and its name depends on go.mod, go.sum and parse-map. The build takes about 6 minutes on two
# cores with an empty Go cache.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../once.sh"

build() {
    command -v go >/dev/null || {
        echo 'go is not on the PATH. Install Go 1.26 or later (https://go.dev/dl) and run this again'
        return 1
    }
    cd "$here"
    local kubernetes
    kubernetes=$(GOFLAGS=-mod=readonly go list -m -f '{{.Version}}' k8s.io/kubernetes)
    CGO_ENABLED=0 GOFLAGS=-mod=readonly go build \
        -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes" -o "$1/" tool ./parse-map
    # go names a program after the last part of its import path. The one of etcd is go.etcd.io/etcd/server.
    mv "$1/server" "$1/etcd"
}

linked() { printf ', %s of 4 programs linked' "$(find "$1" -type f | wc -l)"; }

key=$(cd "$here" && sha256sum go.mod go.sum parse-map/*.go | sha256sum | cut -c1-16)
once control-plane "$key" 'building kube-apiserver, etcd, aws-iam-authenticator and parse-map (about 6 minutes)' build linked
