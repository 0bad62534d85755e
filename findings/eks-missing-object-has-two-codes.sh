#!/usr/bin/env bash
# EKS reports a missing object under two error codes, depending on the operation.
#
# Software: botocore 1.44.8, whose service models describe the API of EKS.
# One would guess: each operation of EKS reports a missing object as ResourceNotFoundException, because all operations on
# clusters, access entries and Pod Identity associations do.
# What it does: the three operations on tags report NotFoundException, and do not declare ResourceNotFoundException. In the
# public API, no other operation reports it.
# Why it matters: a tool that treats "the object is gone" as success must know both codes. Otherwise, it fails if it removes a
# tag from an access entry that another process has deleted.
set -euo pipefail

VERSION=1.44.8
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check "botocore==$VERSION"

found=$("$folder/python/bin/python" - <<'PYTHON'
import botocore.session

model = botocore.session.get_session().get_service_model("eks")
errors = {name: {shape.name for shape in model.operation_model(name).error_shapes} for name in model.operation_names}
for code in ("NotFoundException", "ResourceNotFoundException"):
    names = sorted(name for name, codes in errors.items() if code in codes)
    print(f"{code}: {len(names)} operations, among them {', '.join(name for name in names if 'tag' in name.lower() or 'Access' in name)}")
PYTHON
)
printf 'botocore %s\n%s\n' "$VERSION" "$found"

expected='NotFoundException: 3 operations, among them ListTagsForResource, TagResource, UntagResource'
if [[ $(head -1 <<<"$found") != "$expected" ]]; then
    printf 'changed: expected "%s"\n' "$expected" >&2
    exit 1
fi
