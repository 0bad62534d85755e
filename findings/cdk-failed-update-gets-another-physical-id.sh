#!/usr/bin/env bash
# AwsCustomResource of the CDK responds to a failed Update with the name of the log stream as PhysicalResourceId.
#
# Software: aws-cdk-lib 2.276.0, which contains the function of AwsCustomResource, and @aws-sdk/client-iam 3.1169.0.
# One would guess: if the AWS call of an Update fails, the FAILED response repeats the PhysicalResourceId of the event,
# because nothing has changed.
# What it does: the FAILED response has the name of the function's log stream. So have the responses to a failed Create and a
# failed Delete.
# Why it matters: to CloudFormation, another PhysicalResourceId is another object. The rollback sends a Delete with the name
# of the log stream, as if an object had this name (https://github.com/aws/aws-cdk/issues/30012). For this reason, our
# PhysicalResourceId is a pure function of the stack, the logical id and the names of the objects, and a failed Update repeats
# that of the event. Our tests reject every other response.
set -euo pipefail

CDK=2.276.0
SDK=3.1169.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps --prefix . \
    "aws-cdk-lib@$CDK" "@aws-sdk/client-iam@$SDK"

cat >finding.cjs <<'JAVASCRIPT'
const http = require('http')
const https = require('https')

let response
const servers = [
  // IAM, which has no role.
  http.createServer((_, to) => {
    const error = '<Code>NoSuchEntity</Code><Message>The role with name example cannot be found.</Message>'
    to.writeHead(404, { 'content-type': 'text/xml' }).end(`<ErrorResponse><Error>${error}</Error></ErrorResponse>`)
  }),
  // The bucket of CloudFormation.
  http.createServer(async (from, to) => {
    response = JSON.parse((await from.toArray()).join(''))
    to.end()
  })
]

async function main() {
  for (const server of servers) await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  const [iam, bucket] = servers.map((server) => server.address().port)
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${iam}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'example',
    AWS_SECRET_ACCESS_KEY: 'example'
  })
  // The function responds to port 443 with TLS. Here it responds to the local server.
  https.request = (options, done) => http.request({ ...options, port: bucket }, done)
  const handlers = './node_modules/aws-cdk-lib/custom-resource-handlers/dist/custom-resources'
  const { handler } = require(`${handlers}/aws-custom-resource-handler`)

  const parameters = { RoleName: 'example', Description: 'new' }
  const call = JSON.stringify({ service: 'iam', action: 'updateRole', parameters, physicalResourceId: { id: 'role/example' } })
  const properties = { Create: call, Update: call, Delete: call, InstallLatestAwsSdk: 'false' }
  const lines = []
  for (const RequestType of ['Create', 'Update', 'Delete']) {
    const event = {
      RequestType,
      RequestId: '1',
      ResponseURL: 'https://127.0.0.1/response',
      StackId: 'arn:aws:cloudformation:us-east-1:111122223333:stack/example/1',
      ResourceType: 'Custom::AWS',
      LogicalResourceId: 'Example',
      ...(RequestType === 'Create' ? {} : { PhysicalResourceId: 'role/example' }),
      ...(RequestType === 'Update' ? { OldResourceProperties: properties } : {}),
      ResourceProperties: properties
    }
    await handler(event, { logStreamName: '2026/01/31/[1]0123456789abcdef' })
    lines.push(`${RequestType} ${response.Status}, PhysicalResourceId ${response.PhysicalResourceId}`)
  }
  for (const server of servers) server.close()
  // The function writes its log to stdout too.
  console.log(lines.join('\n'))
}

main()
JAVASCRIPT
found=$(node finding.cjs 2>node.log | tail -3) || { cat node.log >&2; exit 1; }
printf 'aws-cdk-lib %s\n%s\n' "$CDK" "$found"

stream='2026/01/31/[1]0123456789abcdef'
expected="Create FAILED, PhysicalResourceId $stream
Update FAILED, PhysicalResourceId $stream
Delete FAILED, PhysicalResourceId $stream"
if [[ $found != "$expected" ]]; then
    printf 'changed: expected\n%s\n' "$expected" >&2
    exit 1
fi
