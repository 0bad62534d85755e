// The templates that the construct synthesizes from its props.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { App, Aspects, CfnOutput, Fn, Stack, Tags } from 'aws-cdk-lib';
import * as eks from 'aws-cdk-lib/aws-eks';
import * as eksv2 from 'aws-cdk-lib/aws-eks-v2';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { fileURLToPath } from 'node:url';
import { ControllerIdentity, KarpenterPrereqs, KarpenterPrereqsFunction, NodeAccess } from '../lib/index.js';
import { SCHEMA } from '../lib/validation.js';

const codePath = fileURLToPath(new URL('code.zip', import.meta.url));
const CUSTOM = 'Custom::KarpenterPrereqs';

/** Creates a stack with a function. */
function stack(props = {}) {
  const it = new Stack(new App(), 'Stack', { env: { account: '111122223333', region: 'eu-west-1' } });
  const fn = new KarpenterPrereqsFunction(it, 'KarpenterPrereqsFunction', { codePath, ...props });
  return { it, fn };
}

/** Returns the only resource of a type. */
function only(template, type) {
  const found = Object.values(template.findResources(type));
  assert.equal(found.length, 1, type);
  return found[0];
}

/** Returns the statements of the execution role, by Sid. */
function statements(template) {
  const policies = Object.values(template.findResources('AWS::IAM::ManagedPolicy'));
  const all = policies.flatMap((policy) => policy.Properties.PolicyDocument.Statement);
  return Object.fromEntries(all.map((statement) => [statement.Sid, statement]));
}

/** Returns the error of a synthesis that must fail. */
function synthesisError(it) {
  try {
    Template.fromStack(it);
  } catch (error) {
    return error.message;
  }
  return assert.fail('the synthesis succeeded');
}

test('a cluster name is sufficient, and one function serves all resources of a stack', () => {
  const { it } = stack();
  for (const name of ['one', 'two']) new KarpenterPrereqs(it, name, { clusterName: name });
  const template = Template.fromStack(it);
  template.resourceCountIs('AWS::Lambda::Function', 1);
  template.resourceCountIs(CUSTOM, 2);
  template.hasResourceProperties(CUSTOM, { ClusterName: 'one', ServiceTimeout: '900', Revision: Match.stringLikeRegexp('^[0-9a-f]{64}$') });
  template.hasResourceProperties('AWS::Lambda::Function', { Runtime: 'provided.al2023', Handler: 'bootstrap', Architectures: ['arm64'] });
  assert.deepEqual(template.toJSON().Outputs ?? {}, {});
});

test('the resource depends on the permissions, log and delivery settings of the function', () => {
  const { it } = stack();
  new KarpenterPrereqs(it, 'Karpenter', { clusterName: 'demo' });
  const template = Template.fromStack(it);
  const dependencies = only(template, CUSTOM).DependsOn;
  for (const type of ['AWS::IAM::ManagedPolicy', 'AWS::Logs::LogGroup', 'AWS::Lambda::EventInvokeConfig']) {
    const found = Object.keys(template.findResources(type));
    assert.ok(found.length > 0 && found.every((id) => dependencies.includes(id)), `${type}: not all of ${found} are in ${dependencies}`);
  }
});

test('clusters of both modules, defined here or imported, are accepted', () => {
  const { it } = stack();
  const imported = eks.Cluster.fromClusterAttributes(it, 'V1', { clusterName: 'v1' });
  const importedV2 = eksv2.Cluster.fromClusterAttributes(it, 'V2', { clusterName: 'v2' });
  const defined = new eksv2.Cluster(it, 'Made', { version: eksv2.KubernetesVersion.V1_33 });
  new KarpenterPrereqs(it, 'A', { cluster: imported });
  new KarpenterPrereqs(it, 'B', { cluster: importedV2 });
  new KarpenterPrereqs(it, 'C', { cluster: defined, grantClusterAccess: true });
  const template = Template.fromStack(it);
  template.hasResourceProperties(CUSTOM, { ClusterName: 'v1' });
  template.hasResourceProperties(CUSTOM, { ClusterName: 'v2' });
  const [cluster] = Object.keys(template.findResources('AWS::EKS::Cluster'));
  template.hasResourceProperties(CUSTOM, { ClusterName: { Ref: cluster } });
  const entries = template.findResources('AWS::EKS::AccessEntry', { Properties: { AccessPolicies: Match.anyValue(), ClusterName: { Ref: cluster } } });
  const [id, entry] = Object.entries(entries).find(([, it]) => JSON.stringify(it).includes('AmazonEKSEditPolicy'));
  assert.deepEqual(entry.Properties.AccessPolicies[0].AccessScope, { Namespaces: ['kube-system'], Type: 'namespace' });
  const resource = Object.values(template.findResources(CUSTOM, { Properties: { ClusterName: { Ref: cluster } } }))[0];
  assert.ok(resource.DependsOn.includes(id), 'the resource depends on the access entry');
});

test('typed props become template properties, and the function gets the permissions for them', () => {
  const { it } = stack();
  const policy = iam.ManagedPolicy.fromManagedPolicyArn(it, 'Policy', 'arn:aws:iam::111122223333:policy/more');
  new KarpenterPrereqs(it, 'Karpenter', {
    clusterName: 'demo',
    karpenterVersions: ['1.14.0', '1.15.0'],
    controllerIdentities: [ControllerIdentity.IRSA, ControllerIdentity.POD_IDENTITY],
    nodeAccess: NodeAccess.ACCESS_ENTRY,
    nodePolicies: [policy],
    kubernetesRole: iam.Role.fromRoleArn(it, 'Creator', 'arn:aws:iam::111122223333:role/creator'),
    subnets: [ec2.Subnet.fromSubnetId(it, 'Subnet', 'subnet-0123456789abcdef0')],
    discoveryTagKey: 'team/discovery',
    tags: { team: 'platform' },
    revision: '7',
  });
  Tags.of(it).add('cost', 'karpenter');
  const template = Template.fromStack(it);
  template.hasResourceProperties(CUSTOM, {
    KarpenterVersion: ['1.14.0', '1.15.0'],
    ControllerIdentity: ['IRSA', 'PodIdentity'],
    NodeAccess: 'AccessEntry',
    NodePolicyArns: ['arn:aws:iam::111122223333:policy/more'],
    KubernetesRoleArn: 'arn:aws:iam::111122223333:role/creator',
    SubnetIds: ['subnet-0123456789abcdef0'],
    Tags: { team: 'platform', cost: 'karpenter' },
    Revision: Match.stringLikeRegexp('^[0-9a-f]{64} 7$'),
  });
  const bySid = statements(template);
  assert.deepEqual(bySid.AttachAdditionalPolicies.Condition.ArnEquals['iam:PolicyARN'], ['arn:aws:iam::111122223333:policy/more']);
  assert.deepEqual(bySid.AssumeKubernetesRole.Resource, ['arn:aws:iam::111122223333:role/creator']);
  const keys = bySid.TagSubnetsAndSecurityGroups.Condition['ForAllValues:StringLike']['aws:TagKeys'];
  assert.deepEqual(keys, ['karpenter-prereqs/*', 'karpenter.sh/discovery', 'team/discovery']);
});

test('the environment of the function contains its role and the allowed queues', () => {
  const environment = (template) => {
    const { Variables } = only(template, 'AWS::Lambda::Function').Properties.Environment;
    assert.match(JSON.stringify(Variables.EXECUTION_ROLE_ARN), /"Fn::GetAtt":\["[A-Za-z0-9]*ExecutionRole[A-Za-z0-9]*","Arn"\]/);
    // The value after CloudFormation resolves it, with the logical id of a new queue in place of its ARN.
    const text = (it) => (typeof it === 'string' ? it : it['Fn::Join'] ? it['Fn::Join'][1].map(text).join('') : it.Ref ?? it['Fn::GetAtt'][0]);
    return JSON.parse(text(Variables.BOUNDS));
  };
  const byDefault = (() => {
    const { it } = stack();
    new KarpenterPrereqs(it, 'Karpenter', { clusterName: 'demo' });
    return environment(Template.fromStack(it));
  })();
  assert.deepEqual(byDefault, { InterruptionQueueArns: ['arn:AWS::Partition:sqs:AWS::Region:AWS::AccountId:Karpenter*'] });

  const { it } = stack({ namePrefix: 'Karpenter' });
  const queue = new sqs.Queue(it, 'Queue');
  new KarpenterPrereqs(it, 'Karpenter', { clusterName: 'demo', interruptionQueue: queue });
  const allowed = environment(Template.fromStack(it)).InterruptionQueueArns;
  assert.equal(allowed.length, 2);
  assert.match(allowed[1], /^Queue/);

  const other = new Stack(new App(), 'Stack');
  const given = sqs.Queue.fromQueueArn(other, 'Given', 'arn:aws:sqs:eu-west-1:111122223333:given');
  new KarpenterPrereqsFunction(other, 'Function', { codePath, interruptionQueues: [given] });
  assert.deepEqual(environment(Template.fromStack(other)), { InterruptionQueueArns: ['arn:aws:sqs:eu-west-1:111122223333:given'] });
});

test('a queue of another stack is allowed by its name', () => {
  const app = new App();
  const it = new Stack(app, 'Functions');
  const fn = new KarpenterPrereqsFunction(it, 'Function', { codePath });
  const other = new Stack(app, 'Clusters');
  new KarpenterPrereqs(other, 'One', { clusterName: 'one', function: fn, interruptionQueue: new sqs.Queue(other, 'Generated') });
  new KarpenterPrereqs(other, 'Two', { clusterName: 'two', function: fn, interruptionQueue: new sqs.Queue(other, 'Named', { queueName: 'two' }) });
  const { BOUNDS } = only(Template.fromStack(it), 'AWS::Lambda::Function').Properties.Environment.Variables;
  const text = BOUNDS['Fn::Join'][1].map((part) => part.Ref ?? part).join('');
  const arn = (name) => `arn:AWS::Partition:sqs:AWS::Region:AWS::AccountId:${name}`;
  const [, generated] = JSON.parse(text).InterruptionQueueArns;
  assert.match(generated, /:Clusters-Generated[0-9A-F]{8}-\*$/);
  assert.deepEqual(JSON.parse(text), { InterruptionQueueArns: [arn('Karpenter*'), generated, arn('two')] });
  Template.fromStack(other);

  const imported = sqs.Queue.fromQueueArn(other, 'Imported', Fn.importValue('queue'));
  assert.doesNotThrow(() => new KarpenterPrereqs(other, 'Three', { clusterName: 'three', function: fn, interruptionQueue: imported }));
  const long = new Stack(app, 'A'.repeat(60));
  const queue = new sqs.Queue(long, 'Generated');
  assert.throws(() => new KarpenterPrereqs(long, 'Four', { clusterName: 'four', function: fn, interruptionQueue: queue }), /set its queueName/);
});

test('every attribute has a getter', () => {
  const { it } = stack();
  const karpenter = new KarpenterPrereqs(it, 'Karpenter', { clusterName: 'demo' });
  for (const name of Object.keys(SCHEMA['x-attributes'])) {
    const value = karpenter[name[0].toLowerCase() + name.slice(1)];
    const text = JSON.stringify(it.resolve(value));
    assert.match(text, new RegExp(`"Fn::GetAtt":\\["[A-Za-z0-9]+","${name}"\\]`), name);
  }
  new CfnOutput(it, 'Role', { value: karpenter.nodeRole.roleArn });
  new CfnOutput(it, 'Controller', { value: karpenter.controllerRole.roleName });
  Template.fromStack(it);
});

test('an imported function serves the resource', () => {
  const it = new Stack(new App(), 'Stack');
  const fn = KarpenterPrereqsFunction.fromFunctionArn(it, 'Function', Fn.importValue('karpenter-prereqs-FunctionArn'));
  new KarpenterPrereqs(it, 'Karpenter', { clusterName: 'demo', function: fn, nodeRoleName: 'any' });
  const template = Template.fromStack(it);
  template.resourceCountIs('AWS::Lambda::Function', 0);
  template.hasResourceProperties(CUSTOM, { ServiceToken: { 'Fn::ImportValue': 'karpenter-prereqs-FunctionArn' }, Revision: Match.absent() });
});

test('the settings for VPC, permissions boundary and names apply to the function', () => {
  const it = new Stack(new App(), 'Stack');
  const vpc = new ec2.Vpc(it, 'Vpc');
  const boundary = iam.ManagedPolicy.fromManagedPolicyArn(it, 'Boundary', 'arn:aws:iam::111122223333:policy/boundary');
  const fn = new KarpenterPrereqsFunction(it, 'Function', {
    codePath, vpc, architecture: lambda.Architecture.X86_64, namePrefix: 'team-', rolePath: '/team/',
    permissionsBoundary: boundary, executionRoleBoundary: boundary, executionRolePath: '/functions/',
  });
  new KarpenterPrereqs(it, 'Karpenter', {
    clusterName: 'demo', function: fn, nodeRoleName: 'team-nodes', controllerRoleName: 'team-controller', rolePath: '/team/', permissionsBoundary: boundary,
  });
  const template = Template.fromStack(it);
  const properties = only(template, 'AWS::Lambda::Function').Properties;
  assert.deepEqual(properties.Architectures, ['x86_64']);
  assert.equal(properties.VpcConfig.SubnetIds.length, 2);
  assert.ok(statements(template).RunInVpc);
  template.hasResourceProperties('AWS::IAM::Role', { Path: '/functions/' });
  assert.match(JSON.stringify(statements(template).CreateRoles), /role\/team\/team-\*/);
  template.resourceCountIs('AWS::EC2::SecurityGroup', 1);
});

test('synthesis reports all errors that the function or IAM would return', () => {
  const errors = (props) => {
    const { it } = stack();
    new KarpenterPrereqs(it, 'Karpenter', props(it));
    return synthesisError(it);
  };
  const all = errors(() => ({
    clusterName: '-demo', karpenterVersions: ['latest'], nodeRoleName: 'nodes', rolePath: '/team/', grantClusterAccess: true,
  }));
  for (const part of [
    '`ClusterName` must be the name of an EKS cluster', ', but it is "-demo"', '`KarpenterVersion` must be a Karpenter version',
    '`NodeRoleName` must begin with `Karpenter`', '`RolePath` must be `/`', '`grantClusterAccess` needs `cluster`', 'Stack/Karpenter',
  ]) {
    assert.ok(all.includes(part), `${part} is not in: ${all}`);
  }
  assert.match(errors(() => ({})), /`ClusterName` is required/);
  const twoClusters = errors((it) => ({ clusterName: 'a', cluster: eks.Cluster.fromClusterAttributes(it, 'C', { clusterName: 'b' }) }));
  assert.match(twoClusters, /`cluster` and `clusterName` exclude each other/);
  const withoutBoundary = errors((it) => {
    const boundary = iam.ManagedPolicy.fromManagedPolicyArn(it, 'B', 'arn:aws:iam::111122223333:policy/b');
    return { clusterName: 'demo', function: new KarpenterPrereqsFunction(it, 'Strict', { codePath, permissionsBoundary: boundary }) };
  });
  assert.match(withoutBoundary, /`PermissionsBoundary` must be the permissionsBoundary of the KarpenterPrereqsFunction/);
});

test('synthesis reports default names without the name prefix', () => {
  const { it } = stack({ namePrefix: 'Platform-' });
  new KarpenterPrereqs(it, 'Karpenter', { clusterName: 'demo', nodeRoleName: 'Platform-nodes' });
  const error = synthesisError(it);
  assert.match(error, /`ControllerRoleName` must begin with `Platform-`/);
  assert.doesNotMatch(error, /InstanceProfileName|NodeRoleName/);
});

test('an architecture without a zip file is an error that names codePath', () => {
  const it = new Stack(new App(), 'Stack');
  assert.throws(() => new KarpenterPrereqsFunction(it, 'Function', { architecture: lambda.Architecture.custom('riscv64') }), /contains no zip file of the function for riscv64: set codePath/);
});

test('the package contains exactly the zip files that were built', () => {
  for (const { name } of [lambda.Architecture.ARM_64, lambda.Architecture.X86_64]) {
    const [built, packaged] = [`../../../package/${name}/bootstrap.zip`, `../assets/${name}/bootstrap.zip`].map((path) => new URL(path, import.meta.url));
    assert.equal(existsSync(packaged), existsSync(built), name);
    if (existsSync(built)) {
      assert.ok(readFileSync(packaged).equals(readFileSync(built)), name);
    }
  }
});
