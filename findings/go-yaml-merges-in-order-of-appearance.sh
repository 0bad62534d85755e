#!/usr/bin/env bash
# The YAML parser of Kubernetes lets a merge key replace keys that are written before it.
#
# Software: sigs.k8s.io/yaml v1.6.0, which contains a port of go-yaml v2. aws-iam-authenticator v0.7.18 reads mapRoles and mapUsers
# of the ConfigMap kube-system/aws-auth with it. Beside it PyYAML 6.0.4.
# One would guess: a key of the mapping itself has precedence over the same key of a merged mapping, wherever the merge key `<<` is
# written. The definition of the merge key says so (https://yaml.org/type/merge.html), and PyYAML does it.
# What it does: it merges where the merge key is written. Behind an explicit key, the merged value replaces the explicit one.
# Why it matters: an entry of aws-auth with its merge key at the end maps another role than it shows. A program that edits aws-auth
# and reads it with another parser finds an entry that the cluster does not have, and nodes cannot join.
set -euo pipefail

GO_VERSION=v1.6.0
PYTHON_VERSION=6.0.4
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
cat >merge.yaml <<'YAML'
- &base
  role: base
- role: own
  <<: *base
- <<: *base
  role: own
YAML
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile("merge.yaml")
	if err != nil {
		panic(err)
	}
	json, err := yaml.YAMLToJSON(text)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(json))
}
GO
export GOFLAGS=-mod=mod GOPATH=$folder/go
{
    go mod init finding
    go get "sigs.k8s.io/yaml@$GO_VERSION"
} >build.log 2>&1 || { cat build.log >&2; exit 1; }
of_go=$(go run . 2>build.log) || { cat build.log >&2; exit 1; }
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check "pyyaml==$PYTHON_VERSION"
of_python=$(python/bin/python -c 'import json, yaml; print(json.dumps(yaml.safe_load(open("merge.yaml")), separators=(",", ":")))')
printf 'sigs.k8s.io/yaml %s: %s\nPyYAML %s: %s\n' "$GO_VERSION" "$of_go" "$PYTHON_VERSION" "$of_python"

expected_go='[{"role":"base"},{"role":"base"},{"role":"own"}]'
expected_python='[{"role":"base"},{"role":"own"},{"role":"own"}]'
if [[ $of_go != "$expected_go" || $of_python != "$expected_python" ]]; then
    printf 'changed: expected\n%s\n%s\n' "$expected_go" "$expected_python" >&2
    exit 1
fi
