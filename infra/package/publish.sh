#!/usr/bin/env bash
# Puts the packages of the folder OUT into the bucket of each Region, where the templates look for them:
#
#   publish.sh OUT BUCKET_PREFIX REGION...
#
# A bucket is BUCKET_PREFIX-REGION (infra/stackset/bucket.yaml makes it), a key karpenter-prereqs/SHA-256/bootstrap.zip. What is
# there already is left. Needs the AWS CLI, with credentials that may write to the buckets.
set -euo pipefail
out=${1:?'usage: publish.sh OUT BUCKET_PREFIX REGION...'}
prefix=${2:?'the prefix of the buckets is missing: publish.sh OUT BUCKET_PREFIX REGION...'}
shift 2
(($# > 0)) || {
    echo 'publish: no Region is named: publish.sh OUT BUCKET_PREFIX REGION...' >&2
    exit 1
}
command -v aws >/dev/null || {
    echo 'publish: the AWS CLI is not on the PATH' >&2
    exit 1
}
(cd "$out" && sha256sum --check --quiet SHA256SUMS) || {
    echo "publish: the packages in $out are not those of its SHA256SUMS: make them again with make package" >&2
    exit 1
}

account=$(aws sts get-caller-identity --region "$1" --query Account --output text)
while read -r sha256 file; do
    key=karpenter-prereqs/$sha256/bootstrap.zip
    for region in "$@"; do
        bucket=$prefix-$region
        if aws s3api head-object --region "$region" --bucket "$bucket" --key "$key" --expected-bucket-owner "$account" </dev/null >/dev/null 2>&1; then
            echo "publish: $bucket has ${file%/*} already"
            continue
        fi
        aws s3api put-object --region "$region" --bucket "$bucket" --key "$key" --body "$out/$file" --expected-bucket-owner "$account" </dev/null >/dev/null
        echo "publish: ${file%/*} is in $bucket"
    done
    echo "publish: for Architecture=${file%/*}, set CodeBucketPrefix=$prefix CodeSha256=$sha256"
done <"$out/SHA256SUMS"
