// A minimal app: `npx cdk deploy -c cluster=NAME`. In your own app, import from 'karpenter-prereqs'.
import { App, CfnOutput, CliCredentialsStackSynthesizer, Stack } from 'aws-cdk-lib';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { KarpenterPrereqs, KarpenterPrereqsFunction } from '../lib/index.js';

const app = new App();
const context = (name) => app.node.tryGetContext(name);

const stack = new Stack(app, context('stack') ?? 'KarpenterPrereqsExample', { synthesizer: new CliCredentialsStackSynthesizer() });

// Only needed for settings of the function. Without it, the construct creates one function for each stack.
const architecture = context('architecture') === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64;
const fn = new KarpenterPrereqsFunction(stack, 'Function', { architecture, codePath: context('code'), caBundleFile: context('ca') });

const karpenter = new KarpenterPrereqs(stack, 'Karpenter', {
  clusterName: context('cluster') ?? 'demo',
  karpenterVersions: context('karpenter')?.split(',') ?? ['1.15.0'],
  function: fn,
});

new CfnOutput(stack, 'HelmValues', { value: karpenter.helmValues });
new CfnOutput(stack, 'NodeRole', { value: karpenter.nodeRole.roleName });
new CfnOutput(stack, 'Warnings', { value: karpenter.warnings });
