#!/usr/bin/env bash
# PyYAML removes the quotes of texts that are numbers to the YAML parser of Kubernetes.
#
# Software: PyYAML 6.0.4, and the function yaml.ToJSON of k8s.io/apimachinery v0.36.0. With this function,
# aws-iam-authenticator v0.7.18 reads mapRoles and mapUsers of the ConfigMap kube-system/aws-auth.
# One would guess: a program can parse a list with PyYAML and write it again, and other parsers still read the same values.
# PyYAML adds quotes to texts that would otherwise be numbers.
# What it does: PyYAML adds quotes only if PyYAML itself would read a number. To PyYAML, digits with a leading zero are text
# if one of them is 8 or 9, and an exponent is text if there is no point. The parser of Kubernetes reads both as numbers.
# Why it matters: the authenticator expects text. It keeps an entry whose username is a number, but without the username. So a
# program that only adds an entry can change the other entries. For this reason, we edit mapRoles as text, and do not write
# the other entries again.
set -euo pipefail

PYYAML=6.0.4
APIMACHINERY=v0.36.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check "PyYAML==$PYYAML"

cd "$folder"
cat >before.yaml <<'YAML'
- rolearn: arn:aws:iam::111122223333:role/operator
  username: "00981234"
  groups: ["7e2", "007", "on"]
YAML
python/bin/python -c 'import sys, yaml; yaml.safe_dump(yaml.safe_load(sys.stdin), sys.stdout)' <before.yaml >after.yaml

cat >go.mod <<GO
module finding
go 1.26.0
require k8s.io/apimachinery $APIMACHINERY
GO
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	for _, name := range []string{"before.yaml", "after.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		json, err := yaml.ToJSON(text)
		fmt.Println(name, string(json), err)
	}
}
GO
found=$(go run -mod=mod . 2>build.log) || { cat build.log >&2; exit 1; }
printf 'PyYAML %s, apimachinery %s\n%s\n' "$PYYAML" "$APIMACHINERY" "$found"

expected='before.yaml [{"groups":["7e2","007","on"],"rolearn":"arn:aws:iam::111122223333:role/operator","username":"00981234"}] <nil>
after.yaml [{"groups":[700,"007","on"],"rolearn":"arn:aws:iam::111122223333:role/operator","username":981234}] <nil>'
if [[ $found != "$expected" ]]; then
    printf 'changed: expected\n%s\n' "$expected" >&2
    exit 1
fi
