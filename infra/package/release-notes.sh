#!/usr/bin/env bash
# Prints the notes of a release, which are its section of CHANGELOG.md:
#
#   release-notes.sh TAG [URL]
#
# TAG is v and the version. Fails if the workspace or the CDK construct has another version, or if CHANGELOG.md has no section with
# this version and a date. URL is the address of the repository's files at TAG. Relative links get it, because the page of a
# release cannot resolve them.
set -euo pipefail
usage='usage: release-notes.sh TAG [URL]'
tag=${1:?"$usage"}
url=${2:-}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() {
    echo "release-notes: $*" >&2
    exit 1
}

version=${tag#v}
[[ $tag == v* ]] || fail "the tag is $tag. It must be v and the version"
workspace=$(sed -n '/^\[workspace\.package\]/,/^$/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)
[[ $workspace == "$version" ]] || fail "the tag is $tag, but Cargo.toml has version $workspace"
construct=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' infra/cdk/package.json)
[[ $construct == "$version" ]] || fail "the tag is $tag, but infra/cdk/package.json has version $construct"

# A section ends before the next heading of its level, or before the link definitions at the end of the file.
notes=$(awk -v heading="## [$version] - " '
    /^## / || /^\[[^]]*\]: / { inside = index($0, heading) == 1 && $NF ~ /^[0-9]+-[0-9][0-9]-[0-9][0-9]$/; next }
    inside' CHANGELOG.md)
[[ $notes ]] || fail "CHANGELOG.md has no section \"## [$version] - YYYY-MM-DD\", or it is empty"
if [[ $url ]]; then
    sed -E "s|\]\(([^):]+)\)|]($url/\1)|g" <<<"$notes"
else
    printf '%s\n' "$notes"
fi
