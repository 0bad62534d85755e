#!/usr/bin/env bash
# Uploads the function's zip files from the folder OUT to the bucket of each Region, for the templates:
#
#   publish.sh OUT BUCKET_PREFIX REGION...
#
# The name of a bucket is BUCKET_PREFIX-REGION (infra/stackset/bucket.yaml creates it). The key of a file is
# karpenter-prereqs/SHA-256/bootstrap.zip. Existing files are not overwritten. The script needs the AWS CLI, with credentials
# that allow s3:GetObject and s3:PutObject on the buckets.
set -euo pipefail
out=${1:?'usage: publish.sh OUT BUCKET_PREFIX REGION...'}
prefix=${2:?'the prefix of the buckets is missing: publish.sh OUT BUCKET_PREFIX REGION...'}
shift 2
(($# > 0)) || {
    echo 'publish: the Region is missing: publish.sh OUT BUCKET_PREFIX REGION...' >&2
    exit 1
}
command -v aws >/dev/null || {
    echo 'publish: the AWS CLI is not on the PATH' >&2
    exit 1
}
(cd "$out" && sha256sum --check --quiet SHA256SUMS) || {
    echo "publish: the packages in $out do not match SHA256SUMS: build them again with make package" >&2
    exit 1
}

account=$(aws sts get-caller-identity --region "$1" --query Account --output text)
while read -r sha256 file; do
    key=karpenter-prereqs/$sha256/bootstrap.zip
    for region in "$@"; do
        bucket=$prefix-$region
        if aws s3api head-object --region "$region" --bucket "$bucket" --key "$key" --expected-bucket-owner "$account" </dev/null >/dev/null 2>&1; then
            echo "publish: ${file%/*} already exists in $bucket"
            continue
        fi
        aws s3api put-object --region "$region" --bucket "$bucket" --key "$key" --body "$out/$file" --expected-bucket-owner "$account" </dev/null >/dev/null
        echo "publish: ${file%/*} is in $bucket"
    done
    echo "publish: for Architecture=${file%/*}, set CodeBucketPrefix=$prefix CodeSha256=$sha256"
done <"$out/SHA256SUMS"
