// Writes src/properties.ts from the schema. With `--check`, it fails if the file differs.
//
// The schema is generated from the function's property table, so that names, descriptions, defaults and allowed values have
// one source. Only the types of the CDK are defined here.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

const here = new URL('.', import.meta.url);
const schema = JSON.parse(readFileSync(new URL('../../schema.json', here), 'utf8'));

/** Properties that CloudFormation defines, or that the construct declares with other types. */
const HAND_WRITTEN = ['ServiceToken', 'ServiceTimeout', 'ClusterName', 'Tags'];

/** Property → [name in props, type, expression for the property's value]. */
const CDK_TYPES = {
  KarpenterVersion: ['karpenterVersions', 'string[]'],
  ControllerIdentity: ['controllerIdentities', 'ControllerIdentity[]'],
  NodeRoleArn: ['nodeRole', 'iam.IRole', (it) => `${it}?.roleArn`],
  NodePolicyArns: ['nodePolicies', 'iam.IManagedPolicy[]', (it) => `${it}?.map((policy) => policy.managedPolicyArn)`],
  ControllerPolicyArns: ['controllerPolicies', 'iam.IManagedPolicy[]', (it) => `${it}?.map((policy) => policy.managedPolicyArn)`],
  PermissionsBoundary: ['permissionsBoundary', 'iam.IManagedPolicy', (it) => `${it}?.managedPolicyArn`],
  SubnetIds: ['subnets', 'ec2.ISubnet[]', (it) => `${it}?.map((subnet) => subnet.subnetId)`],
  SecurityGroupIds: ['securityGroups', 'ec2.ISecurityGroup[]', (it) => `${it}?.map((group) => group.securityGroupId)`],
  InterruptionQueueArn: ['interruptionQueue', 'sqs.IQueue', (it) => `${it}?.queueArn`],
  KubernetesRoleArn: ['kubernetesRole', 'iam.IRole', (it) => `${it}?.roleArn`],
};

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);
const enumMember = (value) => value.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
const allowedValues = (property) => property.enum ?? property.anyOf?.[0].items.enum;
const wrap = (text, indent) => {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`.trim();
    if (line.length <= 110) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n');
};

const enums = [];
const props = [];
const readers = [];
for (const [name, property] of Object.entries(schema.properties)) {
  if (HAND_WRITTEN.includes(name)) continue;
  const values = allowedValues(property);
  if (values) {
    const members = values.map((value) => `  /** The value \`${value}\`. */\n  ${enumMember(value)} = '${value}',`);
    enums.push(`/** The values of the property ${name}. */\nexport enum ${name} {\n${members.join('\n')}\n}`);
  }
  const [prop, type, read] = CDK_TYPES[name] ?? [lowerFirst(name), values ? name : 'string'];
  props.push(`  /**\n${wrap(property.description, '  ')}\n   *\n${wrap(`@default - ${property['x-default']}`, '  ')}\n   */\n  readonly ${prop}?: ${type};`);
  readers.push(`    ${name}: ${read ? read(`props.${prop}`) : `props.${prop}`},`);
}

const text = `// Generated from ../schema.json by \`npm run generate\`: change the property table instead.
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';

${enums.join('\n\n')}

/** The properties of \`Custom::KarpenterPrereqs\`, other than its cluster and its tags. */
export interface KarpenterPrereqsOptions {
${props.join('\n\n')}
}

/**
 * The properties of the resource, with the names that a template uses.
 *
 * @internal
 */
export function propertiesOf(props: KarpenterPrereqsOptions): Record<string, unknown> {
  return {
${readers.join('\n')}
  };
}
`;

const path = new URL('../src/properties.ts', here);
if (process.argv.includes('--check')) {
  assert.equal(readFileSync(path, 'utf8'), text, 'src/properties.ts differs from ../schema.json: run `npm run generate`');
} else {
  writeFileSync(path, text);
}
