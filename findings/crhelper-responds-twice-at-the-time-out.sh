#!/usr/bin/env bash
# crhelper can send two contradictory responses for one event, and the first has no PhysicalResourceId.
#
# Software: crhelper 2.0.12, which responds to CloudFormation for custom resources in Python.
# One would guess: half a second before the time-out of the function, crhelper responds FAILED with the PhysicalResourceId of
# the event. It then sends no other response.
# What it does: the PhysicalResourceId of this response is empty, even if the event has one. If the work ends before the
# time-out, crhelper sends a second response, SUCCESS, to the same URL.
# Why it matters: CloudFormation requires a PhysicalResourceId. Without it, the stack event shows "Invalid PhysicalResourceId"
# instead of the reason (https://github.com/aws-cloudformation/custom-resource-helper/issues/67). The second response
# overwrites the first, so the outcome depends on which of them CloudFormation reads. Our function computes the
# PhysicalResourceId before the work. It has one response for an event, and each retry of the PUT sends the same body.
set -euo pipefail

VERSION=2.0.12
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check \
    "crhelper==$VERSION" boto3==1.44.8 trustme==1.2.1

found=$(AWS_REGION=us-east-1 "$folder/python/bin/python" - <<'PYTHON'
import http.server
import json
import ssl
import threading
import time

import trustme
from crhelper import CfnResource

bodies = []


class Bucket(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Context:
    """The first call is at the start of the invocation, 1.5 s before Lambda's time-out."""

    aws_request_id, function_name = "1", "function"

    def get_remaining_time_in_millis(self):
        return 1500


authority = trustme.CA()
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("127.0.0.1").configure_cert(tls)
server = http.server.HTTPServer(("127.0.0.1", 0), Bucket)
server.socket = tls.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

with authority.cert_pem.tempfile() as certificate:
    helper = CfnResource(log_level="CRITICAL", ssl_verify=certificate)

    @helper.update
    def update(event, context):
        time.sleep(1.25)
        return event["PhysicalResourceId"]

    event = {
        "RequestType": "Update",
        "ResponseURL": f"https://127.0.0.1:{server.server_port}/response",
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/example/1",
        "RequestId": "2",
        "LogicalResourceId": "Example",
        "PhysicalResourceId": "example-1",
        "ResourceProperties": {},
        "OldResourceProperties": {},
    }
    helper(event, Context())

server.shutdown()
for body in bodies:
    print(f"{body['Status']}, PhysicalResourceId {body['PhysicalResourceId']!r}, Reason {body['Reason']!r}")
PYTHON
)
printf 'crhelper %s\n%s\n' "$VERSION" "$found"

expected="FAILED, PhysicalResourceId '', Reason 'Execution timed out'
SUCCESS, PhysicalResourceId 'example-1', Reason ''"
if [[ $found != "$expected" ]]; then
    printf 'changed: expected\n%s\n' "$expected" >&2
    exit 1
fi
