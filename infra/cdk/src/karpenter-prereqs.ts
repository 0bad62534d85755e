import { Aws, CustomResource, Duration, Fn, ITaggable, Lazy, Stack, TagManager, TagType, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { aws_eks } from 'aws-cdk-lib/interfaces';
import { Construct } from 'constructs';
import { IKarpenterPrereqsFunction, KarpenterPrereqsFunction } from './function';
import { KarpenterPrereqsOptions, propertiesOf } from './properties';
import { validate } from './validation';

/** The cluster and the properties of its prerequisites. */
export interface KarpenterPrereqsProps extends KarpenterPrereqsOptions {
  /**
   * The EKS cluster, in the stack's account and Region: a cluster of `aws-eks` or `aws-eks-v2`, defined in this app or imported.
   *
   * @default - clusterName
   */
  readonly cluster?: aws_eks.IClusterRef;

  /**
   * The name of the EKS cluster, in the stack's account and Region.
   *
   * @default - cluster
   */
  readonly clusterName?: string;

  /**
   * Tags for every IAM and EKS object that the function creates. `Tags.of(…)` adds to them.
   *
   * @default - none
   */
  readonly tags?: { [key: string]: string };

  /**
   * The function that serves the resource.
   *
   * @default - one function for all resources of the stack
   */
  readonly function?: IKarpenterPrereqsFunction;

  /**
   * Whether the function gets an access entry that allows it to edit aws-auth. Use it for NodeAccess AwsAuth on a cluster in
   * authentication mode API_AND_CONFIG_MAP. It needs `cluster`, and a function that is defined in this app.
   *
   * @default false
   */
  readonly grantClusterAccess?: boolean;

  /**
   * How long CloudFormation waits for the function.
   *
   * @default - 15 minutes, the longest time that the function may run
   */
  readonly serviceTimeout?: Duration;
}

/** Creates what Karpenter needs on an EKS cluster, and deletes it with the stack. */
export class KarpenterPrereqs extends Construct implements ITaggable {
  /** The tags of every IAM and EKS object that the function creates. */
  public readonly tags: TagManager;
  /** The function that serves the resource. */
  public readonly function: IKarpenterPrereqsFunction;
  /** The role of the nodes that Karpenter launches. */
  public readonly nodeRole: iam.IRole;
  /** The role of Karpenter's controller. */
  public readonly controllerRole: iam.IRole;

  private readonly resource: CustomResource;

  constructor(scope: Construct, id: string, props: KarpenterPrereqsProps) {
    super(scope, id);
    this.tags = new TagManager(TagType.MAP, 'Custom::KarpenterPrereqs', props.tags);
    const fn = props.function ?? KarpenterPrereqsFunction.of(this);
    // An imported function has bounds that this app neither knows nor can extend.
    const own = fn instanceof KarpenterPrereqsFunction ? fn : undefined;
    this.function = fn;

    const properties: Record<string, unknown> = {
      ClusterName: props.cluster?.clusterRef.clusterName ?? props.clusterName,
      ...propertiesOf(props),
    };
    this.node.addValidation({
      validate: () => {
        const errors = validate({ ...properties, Tags: this.tags.renderedTags });
        if (props.cluster && props.clusterName !== undefined) errors.push('`cluster` and `clusterName` exclude each other: set one of them');
        if (props.grantClusterAccess && !(own && props.cluster)) {
          errors.push('`grantClusterAccess` needs `cluster` and a function of this app: otherwise, create the access entry yourself');
        }
        return own ? [...errors, ...outsideBounds(own, properties)] : errors;
      },
    });
    own?._allow({
      policyArns: [...(properties.NodePolicyArns as string[] ?? []), ...(properties.ControllerPolicyArns as string[] ?? [])],
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
        ...properties,
        Tags: Lazy.any({ produce: () => this.tags.renderedTags }),
        // The hash of the code makes CloudFormation call the function again for new code.
        Revision: own ? [own.codeHash, props.revision].filter((it) => it !== undefined).join(' ') : props.revision,
      },
    });
    // The function needs its permissions, log and delivery settings for the Create and the Delete of this resource.
    this.resource.node.addDependency(fn);
    if (props.grantClusterAccess && own && props.cluster) {
      this.resource.node.addDependency(own.grantClusterAccess(props.cluster));
    }
    this.nodeRole = iam.Role.fromRoleArn(this, 'NodeRole', this.nodeRoleArn, { mutable: false });
    this.controllerRole = iam.Role.fromRoleArn(this, 'ControllerRole', this.controllerRoleArn, { mutable: false });
  }

  /** The name of the EKS cluster. */
  public get clusterName(): string {
    return this.resource.getAttString('ClusterName');
  }

  /** The URL of the cluster's Kubernetes API. */
  public get clusterEndpoint(): string {
    return this.resource.getAttString('ClusterEndpoint');
  }

  /** The name of the node role, for `role` of an EC2NodeClass. */
  public get nodeRoleName(): string {
    return this.resource.getAttString('NodeRoleName');
  }

  /** The ARN of the node role. */
  public get nodeRoleArn(): string {
    return this.resource.getAttString('NodeRoleArn');
  }

  /** The name of the instance profile, for `instanceProfile` of an EC2NodeClass. */
  public get instanceProfileName(): string {
    return this.resource.getAttString('InstanceProfileName');
  }

  /** The ARN of the instance profile. */
  public get instanceProfileArn(): string {
    return this.resource.getAttString('InstanceProfileArn');
  }

  /** The name of the controller role. */
  public get controllerRoleName(): string {
    return this.resource.getAttString('ControllerRoleName');
  }

  /** The ARN of the controller role, for the annotation of Karpenter's service account. */
  public get controllerRoleArn(): string {
    return this.resource.getAttString('ControllerRoleArn');
  }

  /** The ARN of the IAM OIDC provider that the controller role trusts. Empty without IRSA. */
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

  /** How nodes join the cluster: `AwsAuth`, `AccessEntry` or `None`. */
  public get nodeAccess(): string {
    return this.resource.getAttString('NodeAccess');
  }

  /** The IDs of the subnets with the discovery tag. */
  public get subnetIds(): string[] {
    return Fn.split(',', this.resource.getAttString('SubnetIds'));
  }

  /** The IDs of the security groups with the discovery tag. */
  public get securityGroupIds(): string[] {
    return Fn.split(',', this.resource.getAttString('SecurityGroupIds'));
  }

  /** Values for Karpenter's Helm chart, as YAML, for Karpenter 0.32 and later. */
  public get helmValues(): string {
    return this.resource.getAttString('HelmValues');
  }

  /** Warnings, separated by semicolons. Empty if there are none. */
  public get warnings(): string {
    return this.resource.getAttString('Warnings');
  }
}

const QUEUE_NAME_MAX = 80;
/** The length of the suffix that CloudFormation adds to a generated name: a hyphen and 12 characters. */
const GENERATED_SUFFIX_LENGTH = 13;

/**
 * Returns the ARN of a queue for the function's environment.
 *
 * If the queue is in another stack than the function, this is text without a reference to the queue. The resource in that stack
 * depends on the function, so that the function cannot depend on the queue.
 */
function queueArnFor(fn: KarpenterPrereqsFunction, queue: sqs.IQueue): string {
  const cfnQueue = queue.node.defaultChild;
  if (!(cfnQueue instanceof sqs.CfnQueue) || Stack.of(queue) === Stack.of(fn)) return queue.queueArn;
  const stack = Stack.of(queue);
  const named = stack.resolve(cfnQueue.queueName) as unknown;
  const generated = `${stack.stackName}-${stack.getLogicalId(cfnQueue)}`;
  const name = named ?? `${generated}-*`;
  const isCut = named === undefined && generated.length + GENERATED_SUFFIX_LENGTH > QUEUE_NAME_MAX;
  if (typeof name !== 'string' || Token.isUnresolved(name) || isCut) {
    throw new Error(`the function's stack cannot derive the name of queue ${queue.node.path}: set its queueName, or define queue and function in one stack`);
  }
  return `arn:${Aws.PARTITION}:sqs:${Aws.REGION}:${Aws.ACCOUNT_ID}:${name}`;
}

/** Returns an error for each property that the permissions of the function do not allow. */
function outsideBounds(fn: KarpenterPrereqsFunction, properties: Record<string, unknown>): string[] {
  const errors: string[] = [];
  // The default name of the instance profile is NodeRoleName if that is set.
  const defaults: Record<string, unknown> = {
    NodeRoleName: properties.NodeRoleArn === undefined ? 'KarpenterNodeRole-' : undefined,
    ControllerRoleName: 'KarpenterControllerRole-',
    InstanceProfileName: properties.NodeRoleName ?? 'KarpenterNodeInstanceProfile-',
  };
  for (const name of Object.keys(defaults)) {
    const value = properties[name] ?? defaults[name];
    if (typeof value === 'string' && !Token.isUnresolved(value) && !value.startsWith(fn.namePrefix)) {
      errors.push(`\`${name}\` must begin with \`${fn.namePrefix}\`, the namePrefix of the KarpenterPrereqsFunction: choose such a name, or change namePrefix`);
    }
  }
  const path = properties.RolePath ?? '/';
  if (!Token.isUnresolved(path) && path !== fn.rolePath) {
    errors.push(`\`RolePath\` must be \`${fn.rolePath}\`, the rolePath of the KarpenterPrereqsFunction: set both to the same path`);
  }
  const boundary = properties.PermissionsBoundary;
  if (fn.permissionsBoundaryArn !== undefined && boundary !== fn.permissionsBoundaryArn) {
    errors.push('`PermissionsBoundary` must be the permissionsBoundary of the KarpenterPrereqsFunction: set both to the same managed policy');
  }
  return errors;
}
