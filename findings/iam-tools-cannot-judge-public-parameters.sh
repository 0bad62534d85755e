#!/usr/bin/env bash
# An IAM linter and an IAM simulator do not know the ARNs of AWS's public parameters.
#
# Software: parliament 1.6.4, a linter for IAM policies, and @cloud-copilot/iam-simulate 0.1.173, a simulator of IAM
# decisions.
# One would guess: a tool that knows all actions and resource types can judge ssm:GetParameter on
# arn:aws:ssm:us-east-1::parameter/aws/service/*. AWS publishes the ids of its images there, and Karpenter's official policies
# have this resource.
# What it does: the linter reports that the resource does not match the action. The simulator returns an error instead of a
# decision. Both have a list of the resource types of AWS. In it, the ARN of a parameter has an account, and the ARN of an
# image has none. So both accept arn:aws:ec2:us-east-1::image/*, which has no account either.
# Why it matters: an account in the ARN satisfies both tools, but the policy then does not match a public parameter. For this
# reason, our test of the controller policies accepts this finding of the linter. It compares this statement with its expected
# text instead of simulating it.
set -euo pipefail

PARLIAMENT=1.6.4
SIMULATOR=0.1.173
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check "parliament==$PARLIAMENT"
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . "@cloud-copilot/iam-simulate@$SIMULATOR"

mkdir policies
policy() {
    printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"%s","Resource":"%s"}]}' "$2" "$3" \
        >"policies/$1.json"
}
policy image ec2:DescribeImageAttribute 'arn:aws:ec2:us-east-1::image/*'
policy own-parameter ssm:GetParameter 'arn:aws:ssm:us-east-1:111122223333:parameter/*'
policy public-parameter ssm:GetParameter 'arn:aws:ssm:us-east-1::parameter/aws/service/*'

cat >simulate.mjs <<'JAVASCRIPT'
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

for (const [name, resource] of Object.entries({
  image: 'arn:aws:ec2:us-east-1::image/ami-1',
  'own-parameter': 'arn:aws:ssm:us-east-1:111122223333:parameter/example',
  'public-parameter': 'arn:aws:ssm:us-east-1::parameter/aws/service/example'
})) {
  const policy = JSON.parse(readFileSync(`policies/${name}.json`))
  const request = {
    principal: 'arn:aws:iam::111122223333:role/example',
    action: policy.Statement[0].Action,
    resource: { resource, accountId: '111122223333' },
    contextVariables: {}
  }
  const simulation = await runSimulation(
    { request, identityPolicies: [{ name, policy }], serviceControlPolicies: [], resourceControlPolicies: [] },
    {}
  )
  console.log(`simulator, ${name}: ${simulation.overallResult ?? simulation.errors.message}`)
}
JAVASCRIPT
cat >lint.py <<'PYTHON'
import json
import sys

for line in sys.stdin:
    finding = json.loads(line)
    print(f"linter, {finding['location']['filepath'].removeprefix('policies/').removesuffix('.json')}: {finding['issue']}")
PYTHON
# The exit code of the linter is 1 if it has findings.
TMPDIR=$folder python/bin/parliament --json --directory policies >linted || [[ $? == 1 ]]
found=$(python3 lint.py <linted && node simulate.mjs)
printf 'parliament %s, iam-simulate %s\n%s\n' "$PARLIAMENT" "$SIMULATOR" "$found"

expected='linter, public-parameter: RESOURCE_MISMATCH
simulator, image: Allowed
simulator, own-parameter: Allowed
simulator, public-parameter: no.resource.types'
if [[ $found != "$expected" ]]; then
    printf 'changed: expected\n%s\n' "$expected" >&2
    exit 1
fi
