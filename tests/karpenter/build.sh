#!/usr/bin/env bash
# Builds Karpenter's controller and Helm, and prints their folder, which also contains Karpenter's chart and its
# CustomResourceDefinitions. The folder is in the cache, and its name depends on go.mod, go.sum and this script. The build
# takes about 8 minutes on two cores with an empty Go cache.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../once.sh"

build() {
    command -v go >/dev/null || {
        echo 'go is not on the PATH. Install Go 1.26 or later (https://go.dev/dl) and run this again'
        return 1
    }
    cd "$here"
    # Karpenter requires a newer Go than the distributions have. Go downloads this version like a module.
    local go
    go=$(sed -n 's/^go //p' go.mod)
    export GOTOOLCHAIN=go$go GOFLAGS=-mod=readonly CGO_ENABLED=0
    go build -ldflags '-s -w' -o "$1/" tool
    mv "$1/controller" "$1/karpenter"
    (cd helm && go build -ldflags '-s -w' -o "$1/" tool)
    local module
    module=$(go list -m -f '{{.Dir}}' github.com/aws/karpenter-provider-aws)
    cp -r --no-preserve=mode "$module/charts/karpenter" "$1/chart"
    cp -r --no-preserve=mode "$module/pkg/apis/crds" "$1/crds"
}

key=$(cd "$here" && sha256sum go.mod go.sum helm/go.mod helm/go.sum build.sh | sha256sum | cut -c1-16)
once karpenter "$key" 'building Karpenter and Helm (about 8 minutes)' build
