import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws } from 'aws-cdk-lib';

/** The parameters of `function.yaml` that its statements name, and the ARNs of the log and the role. */
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

/** The execution role's policies as the template has them: `scripts/assets.mjs` writes them. */
const POLICIES: Record<string, Policy> = JSON.parse(readFileSync(join(__dirname, '..', 'assets', 'policies.json'), 'utf8'));

/** Their names. */
export const NAMES = Object.keys(POLICIES);

const NO_VALUE = Symbol('AWS::NoValue');

const PSEUDO: Record<string, unknown> = {
  'AWS::AccountId': Aws.ACCOUNT_ID,
  'AWS::NoValue': NO_VALUE,
  'AWS::Partition': Aws.PARTITION,
  'AWS::Region': Aws.REGION,
};

/**
 * A policy of the execution role within these bounds: the template's own, with its parameters and conditions resolved.
 *
 * @param name one of `NAMES`
 * @param bounds what the parameters are
 */
export function policy(name: string, bounds: Bounds): Policy {
  return within(name, bounds, PSEUDO);
}

/**
 * Which statements of a policy name which resources by a wildcard, spelled as cdk-nag spells them.
 *
 * @param name one of `NAMES`
 * @param bounds what the parameters are
 */
export function wildcards(name: string, bounds: Bounds): Map<string, string[]> {
  const spelled: Record<string, unknown> = Object.fromEntries(Object.keys(PSEUDO).map((it) => [it, `<${it}>`]));
  const found = new Map<string, string[]>();
  const { Statement } = within(name, bounds, { ...spelled, 'AWS::NoValue': NO_VALUE }).PolicyDocument;
  for (const { Sid, Resource } of Statement as { Sid: string; Resource: string | string[] }[]) {
    for (const resource of [Resource].flat()) {
      if (resource.includes('*')) found.set(resource, [...(found.get(resource) ?? []), Sid]);
    }
  }
  return found;
}

function within(name: string, bounds: Bounds, pseudo: Record<string, unknown>): Policy {
  const values: Record<string, unknown> = { ...pseudo, ...bounds, 'LogGroup.Arn': bounds.LogGroupArn, 'ExecutionRole.Arn': bounds.ExecutionRoleArn };
  const conditions: Record<string, boolean> = {
    HasAttachablePolicyArns: bounds.AttachablePolicyArns.length > 0,
    HasFailureDestination: false, // The destination itself grants what it takes.
    HasKubernetesRoleArns: bounds.KubernetesRoleArns.length > 0,
    HasNodeRoleArns: bounds.NodeRoleArns.length > 0,
    HasPermissionsBoundary: bounds.PermissionsBoundary !== undefined,
    InVpc: bounds.InVpc,
  };
  const { Description, PolicyDocument } = POLICIES[name];
  return resolve({ Description, PolicyDocument }, values, conditions) as Policy;
}

function resolve(node: unknown, values: Record<string, unknown>, conditions: Record<string, boolean>): unknown {
  const go = (it: unknown) => resolve(it, values, conditions);
  const named = (name: string, among: Record<string, unknown> = values) => {
    if (!(name in among)) throw new Error(`the execution role's statements name ${name}, which has no value`);
    return among[name];
  };
  if (Array.isArray(node)) return node.map(go).filter((item) => item !== NO_VALUE);
  if (typeof node !== 'object' || node === null) return node;
  const [key, argument] = Object.entries(node)[0] ?? ['', undefined];
  switch (key) {
    case 'Ref':
      return named(argument as string);
    case 'Fn::GetAtt':
      return named((argument as string[]).join('.'));
    case 'Fn::If': {
      const [condition, yes, no] = argument as [string, unknown, unknown];
      return go(named(condition, conditions) ? yes : no);
    }
    case 'Fn::Join': {
      const [between, items] = argument as [string, unknown];
      return (go(items) as string[]).join(between);
    }
    case 'Fn::Split': {
      const [between, text] = argument as [string, unknown];
      return (go(text) as string).split(between);
    }
    case 'Fn::Sub': {
      const [text, own] = (Array.isArray(argument) ? argument : [argument, {}]) as [string, Record<string, unknown>];
      const all = { ...values, ...(go(own) as object) };
      return text.replace(/\$\{([^}]+)\}/g, (_, name) => String(named(name, all)));
    }
  }
  const pairs = Object.entries(node).map(([name, item]): [string, unknown] => [name, go(item)]);
  return Object.fromEntries(pairs.filter(([, item]) => item !== NO_VALUE));
}
