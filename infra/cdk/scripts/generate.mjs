// Writes src/properties.ts from the schema (`--check`: fails where it differs), which is made from the function's own property table: names, texts, defaults and
// words have one source. What is said here is what TypeScript knows better: of which type of the CDK a property is.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

const here = new URL('.', import.meta.url);
const schema = JSON.parse(readFileSync(new URL('../../schema.json', here), 'utf8'));

/** Not generated: CloudFormation's own, and what the construct has in other shapes. */
const BY_HAND = ['ServiceToken', 'ServiceTimeout', 'ClusterName', 'Tags'];

/** Property → [name in props, type, how its value is read]. */
const TYPED = {
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

const lower = (name) => name[0].toLowerCase() + name.slice(1);
const constant = (word) => word.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
const words = (property) => property.enum ?? property.anyOf?.[0].items.enum;
// A backtick span would be read as code of TypeScript by the documentation's examples; the words stay as they are.
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
const values = [];
for (const [name, property] of Object.entries(schema.properties)) {
  if (BY_HAND.includes(name)) continue;
  const choice = words(property);
  if (choice) {
    const members = choice.map((word) => `  /** The word \`${word}\` of ${name}. */\n  ${constant(word)} = '${word}',`);
    enums.push(`/** ${name}: ${property['x-must-be']}. */\nexport enum ${name} {\n${members.join('\n')}\n}`);
  }
  const [prop, type, read] = TYPED[name] ?? [lower(name), choice ? name : 'string'];
  props.push(`  /**\n${wrap(property.description, '  ')}\n   *\n${wrap(`@default - ${property['x-default']}`, '  ')}\n   */\n  readonly ${prop}?: ${type};`);
  values.push(`    ${name}: ${read ? read(`props.${prop}`) : `props.${prop}`},`);
}

const text = `// Generated from ../schema.json by \`npm run generate\`: change the property table instead.
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';

${enums.join('\n\n')}

/** What \`Custom::KarpenterPrereqs\` may be told beside its cluster. */
export interface KarpenterPrereqsOptions {
${props.join('\n\n')}
}

/**
 * The resource's properties, named as templates name them.
 *
 * @internal
 */
export function propertiesOf(props: KarpenterPrereqsOptions): Record<string, unknown> {
  return {
${values.join('\n')}
  };
}
`;

const path = new URL('../src/properties.ts', here);
if (process.argv.includes('--check')) {
  assert.equal(readFileSync(path, 'utf8'), text, 'src/properties.ts differs from ../schema.json: run `npm run generate`');
} else {
  writeFileSync(path, text);
}
