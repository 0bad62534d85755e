import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws } from 'aws-cdk-lib';

/** Values for the parameters of `function.yaml` that its policies refer to, and the ARNs of the log group and the role. */
export interface Bounds {
  readonly RolePath: string;
  readonly NamePrefix: string;
  readonly PermissionsBoundary?: string;
  readonly AttachablePolicyArns: string[];
  readonly NodeRoleArns: string[];
  readonly DiscoveryTagKeys: string[];
  readonly InterruptionQueueArns: string[];
  readonly KubernetesRoleArns: string[];
  readonly InVpc: boolean;
  readonly LogGroupArn: string;
  readonly ExecutionRoleArn: string;
}

/** A policy of the execution role. */
export interface Policy {
  readonly Description: string;
  readonly PolicyDocument: { readonly Version: string; readonly Statement: unknown[] };
}

/** The policies of `function.yaml`, which `scripts/assets.mjs` writes to the package. */
const TEMPLATE_POLICIES: Record<string, Policy> = JSON.parse(readFileSync(join(__dirname, '..', 'assets', 'policies.json'), 'utf8'));

/** The names of the execution role's policies. */
export const POLICY_NAMES = Object.keys(TEMPLATE_POLICIES);

const NO_VALUE = Symbol('AWS::NoValue');

const PSEUDO_PARAMETERS: Record<string, unknown> = {
  'AWS::AccountId': Aws.ACCOUNT_ID,
  'AWS::NoValue': NO_VALUE,
  'AWS::Partition': Aws.PARTITION,
  'AWS::Region': Aws.REGION,
};

/**
 * Returns a policy of the execution role: that of the template, with parameters and conditions resolved.
 *
 * @param name one of `POLICY_NAMES`
 * @param bounds the values of the parameters
 */
export function policy(name: string, bounds: Bounds): Policy {
  return resolvePolicy(name, bounds, PSEUDO_PARAMETERS);
}

/**
 * Returns the resources of a policy that contain a wildcard, each with the Sids of its statements. The resources are written as
 * cdk-nag writes them.
 *
 * @param name one of `POLICY_NAMES`
 * @param bounds the values of the parameters
 */
export function wildcards(name: string, bounds: Bounds): Map<string, string[]> {
  const placeholders: Record<string, unknown> = Object.fromEntries(Object.keys(PSEUDO_PARAMETERS).map((it) => [it, `<${it}>`]));
  const sidsByResource = new Map<string, string[]>();
  const { Statement } = resolvePolicy(name, bounds, { ...placeholders, 'AWS::NoValue': NO_VALUE }).PolicyDocument;
  for (const { Sid, Resource } of Statement as { Sid: string; Resource: string | string[] }[]) {
    for (const resource of [Resource].flat()) {
      if (resource.includes('*')) sidsByResource.set(resource, [...(sidsByResource.get(resource) ?? []), Sid]);
    }
  }
  return sidsByResource;
}

function resolvePolicy(name: string, bounds: Bounds, pseudo: Record<string, unknown>): Policy {
  const values: Record<string, unknown> = { ...pseudo, ...bounds, 'LogGroup.Arn': bounds.LogGroupArn, 'ExecutionRole.Arn': bounds.ExecutionRoleArn };
  const conditions: Record<string, boolean> = {
    HasAttachablePolicyArns: bounds.AttachablePolicyArns.length > 0,
    HasFailureDestination: false, // The CDK's destination grants the permission itself.
    HasKubernetesRoleArns: bounds.KubernetesRoleArns.length > 0,
    HasNodeRoleArns: bounds.NodeRoleArns.length > 0,
    HasPermissionsBoundary: bounds.PermissionsBoundary !== undefined,
    InVpc: bounds.InVpc,
  };
  const { Description, PolicyDocument } = TEMPLATE_POLICIES[name];
  return resolve({ Description, PolicyDocument }, values, conditions) as Policy;
}

function resolve(node: unknown, values: Record<string, unknown>, conditions: Record<string, boolean>): unknown {
  const inner = (it: unknown) => resolve(it, values, conditions);
  const lookUp = (name: string, map: Record<string, unknown> = values) => {
    if (!(name in map)) throw new Error(`the policies of the execution role refer to ${name}, which has no value`);
    return map[name];
  };
  if (Array.isArray(node)) return node.map(inner).filter((item) => item !== NO_VALUE);
  if (typeof node !== 'object' || node === null) return node;
  const [key, argument] = Object.entries(node)[0] ?? ['', undefined];
  switch (key) {
    case 'Ref':
      return lookUp(argument as string);
    case 'Fn::GetAtt':
      return lookUp((argument as string[]).join('.'));
    case 'Fn::If': {
      const [condition, yes, no] = argument as [string, unknown, unknown];
      return inner(lookUp(condition, conditions) ? yes : no);
    }
    case 'Fn::Join': {
      const [delimiter, items] = argument as [string, unknown];
      return (inner(items) as string[]).join(delimiter);
    }
    case 'Fn::Split': {
      const [delimiter, text] = argument as [string, unknown];
      return (inner(text) as string).split(delimiter);
    }
    case 'Fn::Sub': {
      const [text, variables] = (Array.isArray(argument) ? argument : [argument, {}]) as [string, Record<string, unknown>];
      const all = { ...values, ...(inner(variables) as object) };
      return text.replace(/\$\{([^}]+)\}/g, (_, name) => String(lookUp(name, all)));
    }
  }
  const pairs = Object.entries(node).map(([name, item]): [string, unknown] => [name, inner(item)]);
  return Object.fromEntries(pairs.filter(([, item]) => item !== NO_VALUE));
}
