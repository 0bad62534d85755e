#!/usr/bin/env bash
# The emulator MiniStack sends no Delete for a custom resource whose Create failed.
#
# Software: MiniStack 1.5.33, an emulator of AWS, called with boto3 1.43.106.
# One would guess: if a Create fails, the rollback sends a Delete with the PhysicalResourceId of the FAILED response.
# CloudFormation does this (https://github.com/aws/aws-cdk/pull/5525).
# What it does: the stack becomes ROLLBACK_COMPLETE, but the function gets no Delete. If the Create of another resource fails,
# the function gets the Delete.
# Why it matters: this Delete must remove what the failed Create created, and keep what existed before. A test on the emulator
# passes without it. For this reason, our tests of rollbacks do not use the emulator's CloudFormation. They use an engine of
# their own, which sends the events that CloudFormation sends.
set -euo pipefail

VERSION=1.5.33
folder=$(mktemp -d)
pid=
stop() {
    if [[ -n $pid ]]; then
        kill "$pid" 2>/dev/null || true
        wait "$pid" || true
    fi
    rm -rf "$folder"
}
trap stop EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check "ministack==$VERSION" boto3==1.43.106

cd "$folder"
cat >function.py <<'PYTHON'
import json
import urllib.request


def handler(event, context):
    """Responds FAILED to a Create with the property Fail. Writes each event into the file of the property Log."""
    properties, operation = event["ResourceProperties"], event["RequestType"]
    with open(properties["Log"], "a") as log:
        print(operation, event.get("PhysicalResourceId", ""), file=log)
    failed = operation == "Create" and properties["Fail"] == "true"
    body = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    body |= {"Status": "FAILED" if failed else "SUCCESS", "Reason": "example"}
    body["PhysicalResourceId"] = f"id-of-{event['LogicalResourceId']}"
    put = urllib.request.Request(event["ResponseURL"], json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(put).close()
PYTHON
cat >stacks.py <<'PYTHON'
import io
import json
import sys
import time
import urllib.request
import zipfile

import boto3

endpoint = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(300):
    try:
        urllib.request.urlopen(f"{endpoint}/_ministack/ready").close()
        break
    except OSError:
        time.sleep(0.2)
session = boto3.Session("111122223333", "example", region_name="us-east-1")
iam, functions, stacks = (session.client(name, endpoint_url=endpoint) for name in ("iam", "lambda", "cloudformation"))

code = io.BytesIO()
with zipfile.ZipFile(code, "w") as archive:
    archive.write("function.py")
role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
function = functions.create_function(
    FunctionName="function",
    Runtime="python3.12",
    Handler="function.handler",
    Role=role["Role"]["Arn"],
    Code={"ZipFile": code.getvalue()},
)["FunctionArn"]


def events(name, fail, other_fails):
    """Creates a stack with a custom resource, and returns its status and the events of the function."""
    log = f"{sys.path[0]}/{name}.log"
    properties = {"ServiceToken": function, "ServiceTimeout": 30, "Log": log}
    resources = {"Example": {"Type": "Custom::Example", "Properties": properties | {"Fail": fail}}}
    if other_fails:
        other = {"ServiceToken": function, "ServiceTimeout": 30, "Log": "/dev/null", "Fail": True}
        resources["Other"] = {"Type": "Custom::Example", "Properties": other, "DependsOn": "Example"}
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    for _ in range(300):
        status = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(0.2)
    time.sleep(2)
    with open(log) as lines:
        return status, [line.strip() for line in lines]


print("its Create fails:     ", *events("own", True, False))
print("another Create fails: ", *events("other", False, True))
PYTHON
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
TMPDIR=$folder GATEWAY_PORT=$port BIND_HOST=127.0.0.1 MINISTACK_ACCOUNT_ID=111122223333 MINISTACK_REGION=us-east-1 \
    IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 python/bin/ministack >ministack.log 2>&1 &
pid=$!
found=$(python/bin/python stacks.py "$port") || { cat ministack.log >&2; exit 1; }
printf 'MiniStack %s\n%s\n' "$VERSION" "$found"

expected="its Create fails:      ROLLBACK_COMPLETE ['Create']
another Create fails:  ROLLBACK_COMPLETE ['Create', 'Delete id-of-Example']"
if [[ $found != "$expected" ]]; then
    printf 'changed: expected\n%s\n' "$expected" >&2
    exit 1
fi
