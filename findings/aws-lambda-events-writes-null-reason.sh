#!/usr/bin/env bash
# The response type of aws_lambda_events for custom resources writes an absent reason as null.
#
# Software: aws_lambda_events 1.2.1, the crate with the event types of AWS Lambda for Rust.
# One would guess: a response without a reason has no field Reason. In CloudFormation's protocol, the field is a string, and
# only required if the request failed
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html).
# What it does: the response contains "Reason":null. The field is an Option, and its serialization does not skip None.
# Why it matters: the protocol has no null. Another library had to remove it, because CloudFormation did not accept such a
# response (https://github.com/mapbox/streambot/pull/30). For this reason, our function has its own response type. It omits
# absent fields, and a failure always has a reason.
set -euo pipefail

VERSION=1.2.1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cd "$folder"
cat >Cargo.toml <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
aws_lambda_events = { version = "=$VERSION", default-features = false, features = ["cloudformation"] }
serde_json = "=1.0.145"
TOML
cat >src/main.rs <<'RUST'
use aws_lambda_events::cloudformation::CloudFormationCustomResourceResponse;

fn main() {
    let mut response = CloudFormationCustomResourceResponse::default();
    response.physical_resource_id = "example-1".to_owned();
    println!("{}", serde_json::to_string(&response).unwrap());
}
RUST
found=$(CARGO_TARGET_DIR=$folder/target cargo run --quiet 2>build.log) || { cat build.log >&2; exit 1; }
printf 'aws_lambda_events %s\n%s\n' "$VERSION" "$found"

expected='{"Status":"SUCCESS","Reason":null,"PhysicalResourceId":"example-1","StackId":"","RequestId":"","LogicalResourceId":"","NoEcho":false,"Data":{}}'
if [[ $found != "$expected" ]]; then
    printf 'changed: expected\n%s\n' "$expected" >&2
    exit 1
fi
