import { Aws, CustomResource, Duration, Fn, ITaggable, Lazy, Stack, TagManager, TagType, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { aws_eks } from 'aws-cdk-lib/interfaces';
import { Construct } from 'constructs';
import { IKarpenterPrereqsFunction, KarpenterPrereqsFunction } from './function';
import { KarpenterPrereqsOptions, propertiesOf } from './properties';
import { validate } from './validation';

/** The cluster, and what is wanted for it. */
export interface KarpenterPrereqsProps extends KarpenterPrereqsOptions {
  /**
   * The EKS cluster, of `aws-eks` or `aws-eks-v2`, made here or imported, in the stack's account and region.
   *
   * @default - clusterName
   */
  readonly cluster?: aws_eks.IClusterRef;

  /**
   * The name of the EKS cluster, in the stack's account and region.
   *
   * @default - cluster
   */
  readonly clusterName?: string;

  /**
   * Tags for every IAM and EKS object that it makes. `Tags.of(…)` adds to them.
   *
   * @default - none
   */
  readonly tags?: { [key: string]: string };

  /**
   * The function that serves the resource.
   *
   * @default - one for all such resources of the stack
   */
  readonly function?: IKarpenterPrereqsFunction;

  /**
   * Whether the function gets an access entry that lets it edit aws-auth: for NodeAccess AwsAuth on a cluster whose
   * authentication mode is API_AND_CONFIG_MAP. Needs `cluster`, and a function of this app.
   *
   * @default false
   */
  readonly grantClusterAccess?: boolean;

  /**
   * How long CloudFormation waits for the function.
   *
   * @default - 15 minutes, which is as long as it may run
   */
  readonly serviceTimeout?: Duration;
}

/** Makes an EKS cluster ready for Karpenter, and takes it all away again with the stack. */
export class KarpenterPrereqs extends Construct implements ITaggable {
  /** The tags of every IAM and EKS object that it makes. */
  public readonly tags: TagManager;
  /** The function that serves the resource. */
  public readonly function: IKarpenterPrereqsFunction;
  /** The role of the nodes that Karpenter launches. */
  public readonly nodeRole: iam.IRole;
  /** The role of Karpenter itself. */
  public readonly controllerRole: iam.IRole;

  private readonly resource: CustomResource;

  constructor(scope: Construct, id: string, props: KarpenterPrereqsProps) {
    super(scope, id);
    this.tags = new TagManager(TagType.MAP, 'Custom::KarpenterPrereqs', props.tags);
    const fn = props.function ?? KarpenterPrereqsFunction.of(this);
    const own = fn instanceof KarpenterPrereqsFunction ? fn : undefined;
    this.function = fn;

    const wanted: Record<string, unknown> = {
      ClusterName: props.cluster?.clusterRef.clusterName ?? props.clusterName,
      ...propertiesOf(props),
    };
    this.node.addValidation({
      validate: () => {
        const errors = validate({ ...wanted, Tags: this.tags.renderedTags });
        if (props.cluster && props.clusterName !== undefined) errors.push('`cluster` and `clusterName` exclude each other: both name the cluster');
        if (props.grantClusterAccess && !(own && props.cluster)) {
          errors.push('`grantClusterAccess` needs `cluster`, and a function of this app: give the function\'s role an access entry yourself');
        }
        return own ? [...errors, ...unbound(own, wanted)] : errors;
      },
    });
    own?._allow({
      policyArns: [...(wanted.NodePolicyArns as string[] ?? []), ...(wanted.ControllerPolicyArns as string[] ?? [])],
      nodeRoleArn: props.nodeRole?.roleArn,
      kubernetesRoleArn: props.kubernetesRole?.roleArn,
      discoveryTagKey: props.discoveryTagKey ?? 'karpenter.sh/discovery',
      interruptionQueueArn: own && props.interruptionQueue && queueArnFor(own, props.interruptionQueue),
    });

    this.resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::KarpenterPrereqs',
      serviceToken: fn.functionArn,
      serviceTimeout: props.serviceTimeout ?? Duration.minutes(15),
      properties: {
        ...wanted,
        Tags: Lazy.any({ produce: () => this.tags.renderedTags }),
        // New code runs again, too.
        Revision: own ? [own.codeHash, props.revision].filter((it) => it !== undefined).join(' ') : props.revision,
      },
    });
    // The function needs its permissions, its log and its rules of delivery as long as the resource stands.
    this.resource.node.addDependency(fn);
    if (props.grantClusterAccess && own && props.cluster) {
      this.resource.node.addDependency(own.grantClusterAccess(props.cluster));
    }
    this.nodeRole = iam.Role.fromRoleArn(this, 'NodeRole', this.nodeRoleArn, { mutable: false });
    this.controllerRole = iam.Role.fromRoleArn(this, 'ControllerRole', this.controllerRoleArn, { mutable: false });
  }

  /** The cluster. */
  public get clusterName(): string {
    return this.resource.getAttString('ClusterName');
  }

  /** The URL of its API server. */
  public get clusterEndpoint(): string {
    return this.resource.getAttString('ClusterEndpoint');
  }

  /** The node role's name: what an EC2NodeClass takes as `role`. */
  public get nodeRoleName(): string {
    return this.resource.getAttString('NodeRoleName');
  }

  /** The node role's ARN. */
  public get nodeRoleArn(): string {
    return this.resource.getAttString('NodeRoleArn');
  }

  /** The instance profile's name: what an EC2NodeClass takes as `instanceProfile`. */
  public get instanceProfileName(): string {
    return this.resource.getAttString('InstanceProfileName');
  }

  /** The instance profile's ARN. */
  public get instanceProfileArn(): string {
    return this.resource.getAttString('InstanceProfileArn');
  }

  /** The controller role's name. */
  public get controllerRoleName(): string {
    return this.resource.getAttString('ControllerRoleName');
  }

  /** The controller role's ARN: the service account's annotation. */
  public get controllerRoleArn(): string {
    return this.resource.getAttString('ControllerRoleArn');
  }

  /** The IAM OIDC provider that the controller role trusts; empty without IRSA. */
  public get oidcProviderArn(): string {
    return this.resource.getAttString('OidcProviderArn');
  }

  /** The namespace of Karpenter's service account. */
  public get namespace(): string {
    return this.resource.getAttString('Namespace');
  }

  /** The name of Karpenter's service account. */
  public get serviceAccount(): string {
    return this.resource.getAttString('ServiceAccount');
  }

  /** How nodes join: what was really used, `AwsAuth`, `AccessEntry` or `None`. */
  public get nodeAccess(): string {
    return this.resource.getAttString('NodeAccess');
  }

  /** The subnets with the discovery tag. */
  public get subnetIds(): string[] {
    return Fn.split(',', this.resource.getAttString('SubnetIds'));
  }

  /** The security groups with the discovery tag. */
  public get securityGroupIds(): string[] {
    return Fn.split(',', this.resource.getAttString('SecurityGroupIds'));
  }

  /** A values file, in YAML, for Karpenter's Helm chart, from release 0.32 on. */
  public get helmValues(): string {
    return this.resource.getAttString('HelmValues');
  }

  /** What you should know, with `; ` between; empty when there is nothing. */
  public get warnings(): string {
    return this.resource.getAttString('Warnings');
  }
}

/** The longest name of a queue. CloudFormation adds a hyphen and 12 characters of its own to a name that it generates. */
const QUEUE_NAME_MAX = 80;
const GENERATED = 13;

/**
 * The ARN of a queue, as the function's environment may name it. A queue that another stack creates beside its resource is named by
 * its text: the resource depends on the function, so that the function cannot depend on the queue.
 */
function queueArnFor(fn: KarpenterPrereqsFunction, queue: sqs.IQueue): string {
  const created = queue.node.defaultChild;
  if (!(created instanceof sqs.CfnQueue) || Stack.of(queue) === Stack.of(fn)) return queue.queueArn;
  const stack = Stack.of(queue);
  const named = stack.resolve(created.queueName) as unknown;
  const generated = `${stack.stackName}-${stack.getLogicalId(created)}`;
  const name = named ?? `${generated}-*`;
  const isCut = named === undefined && generated.length + GENERATED > QUEUE_NAME_MAX;
  if (typeof name !== 'string' || Token.isUnresolved(name) || isCut) {
    throw new Error(`the name of the queue ${queue.node.path} is not known in the function's stack: set its queueName, or create both in one stack`);
  }
  return `arn:${Aws.PARTITION}:sqs:${Aws.REGION}:${Aws.ACCOUNT_ID}:${name}`;
}

/** What the function's own permissions would refuse. */
function unbound(fn: KarpenterPrereqsFunction, wanted: Record<string, unknown>): string[] {
  const errors: string[] = [];
  // Without its name a profile is called as the node role is, where that has one.
  const defaults: Record<string, unknown> = {
    NodeRoleName: wanted.NodeRoleArn === undefined ? 'KarpenterNodeRole-' : undefined,
    ControllerRoleName: 'KarpenterControllerRole-',
    InstanceProfileName: wanted.NodeRoleName ?? 'KarpenterNodeInstanceProfile-',
  };
  for (const name of Object.keys(defaults)) {
    const value = wanted[name] ?? defaults[name];
    if (typeof value === 'string' && !Token.isUnresolved(value) && !value.startsWith(fn.namePrefix)) {
      errors.push(`\`${name}\` must begin with \`${fn.namePrefix}\`, the function makes no others: set namePrefix of the KarpenterPrereqsFunction`);
    }
  }
  const path = wanted.RolePath ?? '/';
  if (!Token.isUnresolved(path) && path !== fn.rolePath) {
    errors.push(`\`RolePath\` must be \`${fn.rolePath}\`, the function makes no others: set rolePath of the KarpenterPrereqsFunction`);
  }
  const boundary = wanted.PermissionsBoundary;
  if (fn.permissionsBoundaryArn !== undefined && boundary !== fn.permissionsBoundaryArn) {
    errors.push('`PermissionsBoundary` must be that of the KarpenterPrereqsFunction: set permissionsBoundary to the same managed policy');
  }
  return errors;
}
