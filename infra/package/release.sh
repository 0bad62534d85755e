#!/usr/bin/env bash
# Collects the files of a release from the packages of both architectures:
#
#   release.sh PACKAGES OUT
#
# PACKAGES is what `make package` built. OUT is a new folder. A release has no folders, so the architecture is part of each name.
# OUT/SHA256SUMS has the checksums of all files, and `make publish PACKAGES=OUT` uploads the zip files.
set -euo pipefail
usage='usage: release.sh PACKAGES OUT'
packages=${1:?"$usage"}
out=${2:?"$usage"}
infra=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

(cd "$packages" && sha256sum --check --quiet SHA256SUMS PROGRAM-SHA256SUMS) || {
    echo "release: the files in $packages do not match their checksums. Run make package" >&2
    exit 1
}
mkdir "$out"
for architecture in arm64 x86_64; do
    for file in bootstrap.zip bootstrap.cdx.json karpenter-prereqs.tar.gz karpenter-prereqs.cdx.json; do
        cp "$packages/$architecture/$file" "$out/${file%%.*}-$architecture.${file#*.}"
    done
done
cp "$packages/LICENSES.txt" "$infra"/{template,function,alarm}.yaml "$infra/stackset/bucket.yaml" "$infra/schema.json" "$out"
(cd "$out" && sha256sum -- * >SHA256SUMS)
cat "$out/SHA256SUMS"
