#!/usr/bin/env bash
# Uploads the zip files of the function to the bucket of each Region, where the templates expect them:
#
#   publish.sh PACKAGES BUCKET_PREFIX REGION...
#
# PACKAGES is what `make package` built, or a folder with the files of a release: SHA256SUMS and at least one of
# bootstrap-arm64.zip and bootstrap-x86_64.zip. The bucket of a Region is BUCKET_PREFIX-REGION (infra/stackset/bucket.yaml creates
# it), and the key is karpenter-prereqs/SHA-256/bootstrap.zip. A key that exists is not written again. Needs the AWS CLI, with
# credentials that may write to the buckets.
set -euo pipefail
usage='usage: publish.sh PACKAGES BUCKET_PREFIX REGION...'
packages=${1:?"$usage"}
prefix=${2:?"the prefix of the buckets is missing. $usage"}
shift 2
(($# > 0)) || {
    echo "publish: no Region is named. $usage" >&2
    exit 1
}
command -v aws >/dev/null || {
    echo 'publish: the AWS CLI is not on the PATH' >&2
    exit 1
}
[[ -f $packages/SHA256SUMS ]] || {
    echo "publish: $packages has no SHA256SUMS. Download it with the zip files of a release, or run make package" >&2
    exit 1
}
# The checksums of a release name more files than were downloaded.
(cd "$packages" && sha256sum --check --quiet --ignore-missing SHA256SUMS) || {
    echo "publish: the files in $packages do not match SHA256SUMS. Download them again, or run make package" >&2
    exit 1
}

account=$(aws sts get-caller-identity --region "$1" --query Account --output text)
found=
while read -r sha256 file; do
    case $file in
        */bootstrap.zip) architecture=${file%/*} ;;
        bootstrap-*.zip) architecture=${file#bootstrap-} && architecture=${architecture%.zip} ;;
        *) continue ;;
    esac
    [[ -f $packages/$file ]] || continue
    found=yes
    key=karpenter-prereqs/$sha256/bootstrap.zip
    for region in "$@"; do
        bucket=$prefix-$region
        if aws s3api head-object --region "$region" --bucket "$bucket" --key "$key" --expected-bucket-owner "$account" </dev/null >/dev/null 2>&1; then
            echo "publish: $bucket already has the zip file for $architecture"
            continue
        fi
        aws s3api put-object --region "$region" --bucket "$bucket" --key "$key" --body "$packages/$file" --expected-bucket-owner "$account" </dev/null >/dev/null
        echo "publish: uploaded the zip file for $architecture to $bucket"
    done
    echo "publish: for Architecture=$architecture, set CodeBucketPrefix=$prefix CodeSha256=$sha256"
done <"$packages/SHA256SUMS"
[[ $found ]] || {
    echo "publish: $packages has none of the zip files that its SHA256SUMS names" >&2
    exit 1
}
