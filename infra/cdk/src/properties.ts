// Generated from ../schema.json by `npm run generate`: change the property table instead.
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';

/** ControllerIdentity: `IRSA` or `PodIdentity`, or a list of both. */
export enum ControllerIdentity {
  /** The word `IRSA` of ControllerIdentity. */
  IRSA = 'IRSA',
  /** The word `PodIdentity` of ControllerIdentity. */
  POD_IDENTITY = 'PodIdentity',
}

/** OidcProvider: `Require` or `Create`. */
export enum OidcProvider {
  /** The word `Require` of OidcProvider. */
  REQUIRE = 'Require',
  /** The word `Create` of OidcProvider. */
  CREATE = 'Create',
}

/** NodeAccess: `Auto`, `AwsAuth`, `AccessEntry` or `None`. */
export enum NodeAccess {
  /** The word `Auto` of NodeAccess. */
  AUTO = 'Auto',
  /** The word `AwsAuth` of NodeAccess. */
  AWS_AUTH = 'AwsAuth',
  /** The word `AccessEntry` of NodeAccess. */
  ACCESS_ENTRY = 'AccessEntry',
  /** The word `None` of NodeAccess. */
  NONE = 'None',
}

/** TagConflict: `Fail` or `Skip`. */
export enum TagConflict {
  /** The word `Fail` of TagConflict. */
  FAIL = 'Fail',
  /** The word `Skip` of TagConflict. */
  SKIP = 'Skip',
}

/** ExistingObjects: `Fail` or `Adopt`. */
export enum ExistingObjects {
  /** The word `Fail` of ExistingObjects. */
  FAIL = 'Fail',
  /** The word `Adopt` of ExistingObjects. */
  ADOPT = 'Adopt',
}

/** RunningNodes: `Fail` or `Ignore`. */
export enum RunningNodes {
  /** The word `Fail` of RunningNodes. */
  FAIL = 'Fail',
  /** The word `Ignore` of RunningNodes. */
  IGNORE = 'Ignore',
}

/** What `Custom::KarpenterPrereqs` may be told beside its cluster. */
export interface KarpenterPrereqsOptions {
  /**
   * The release of Karpenter that runs, such as `1.14.1`, `1.0` or `0.37`: the controller gets the permissions of
   * that release's own guide, which go by tags, and the node role its policies. A list grants what any of its
   * releases needs, for the time of an upgrade; `baseline` counts as one. Without it, and before 0.32, the
   * permissions are the baseline's.
   *
   * @default - none
   */
  readonly karpenterVersions?: string[];

  /**
   * The namespace of Karpenter's service account, for the trust of the controller role.
   *
   * @default - `karpenter`
   */
  readonly namespace?: string;

  /**
   * The name of Karpenter's service account, for the trust of the controller role.
   *
   * @default - `karpenter`
   */
  readonly serviceAccount?: string;

  /**
   * How the controller comes by its role. `IRSA`: by its service account's token and the cluster's OIDC issuer.
   * `PodIdentity`: by an EKS Pod Identity association, which is made. Both in a list, while you move from one to
   * the other.
   *
   * @default - `IRSA`
   */
  readonly controllerIdentities?: ControllerIdentity[];

  /**
   * IRSA needs an IAM OIDC provider for the cluster's issuer with the audience `sts.amazonaws.com`. `Require`:
   * fail before any change where there is none. `Create`: make it; one that is there is used, and not owned. One
   * that was made goes with the last resource on the cluster that relies on it, unless other roles' trust names
   * the issuer by then: it is theirs from then on.
   *
   * @default - `Require`
   */
  readonly oidcProvider?: OidcProvider;

  /**
   * How nodes join the cluster. `AccessEntry`: an EKS access entry of type EC2_LINUX. `AwsAuth`: an entry in the
   * ConfigMap `kube-system/aws-auth`. `None`: you see to it yourself. `Auto`: `AccessEntry` where the cluster's
   * authenticationMode has access entries (`API`, `API_AND_CONFIG_MAP`), `AwsAuth` where it is `CONFIG_MAP`.
   *
   * @default - `Auto`
   */
  readonly nodeAccess?: NodeAccess;

  /**
   * The name of the node role to make. A default that would exceed IAM's limit is cut and ends in a hash of the
   * cluster name.
   *
   * @default - `KarpenterNodeRole-<cluster>`
   */
  readonly nodeRoleName?: string;

  /**
   * The name of the controller role to make; cut like NodeRoleName's default.
   *
   * @default - `KarpenterControllerRole-<cluster>`
   */
  readonly controllerRoleName?: string;

  /**
   * The name of the instance profile to make.
   *
   * @default - `KarpenterNodeInstanceProfile-<cluster>`; NodeRoleName where that is given
   */
  readonly instanceProfileName?: string;

  /**
   * An existing role for the nodes: used, never changed, never deleted. Excludes NodeRoleName and NodePolicyArns.
   *
   * @default - none
   */
  readonly nodeRole?: iam.IRole;

  /**
   * Further managed policies for the node role.
   *
   * @default - none
   */
  readonly nodePolicies?: iam.IManagedPolicy[];

  /**
   * Further managed policies for the controller role.
   *
   * @default - none
   */
  readonly controllerPolicies?: iam.IManagedPolicy[];

  /**
   * The path of both roles and of the instance profile. aws-auth gets the node role's ARN without it, as it must.
   *
   * @default - `/`
   */
  readonly rolePath?: string;

  /**
   * The managed policy that bounds the permissions of both roles.
   *
   * @default - none
   */
  readonly permissionsBoundary?: iam.IManagedPolicy;

  /**
   * The key of the tag by which Karpenter finds subnets and security groups.
   *
   * @default - `karpenter.sh/discovery`
   */
  readonly discoveryTagKey?: string;

  /**
   * The value of that tag.
   *
   * @default - the cluster name
   */
  readonly discoveryTagValue?: string;

  /**
   * The subnets to tag, instead of the node groups'.
   *
   * @default - the node groups' subnets
   */
  readonly subnets?: ec2.ISubnet[];

  /**
   * The security groups to tag, instead of the node groups'.
   *
   * @default - the node groups' security groups
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * What to do with a subnet or security group whose discovery tag names another cluster: `Fail` before any
   * change, or `Skip` it with a warning. It is never overwritten.
   *
   * @default - `Fail`
   */
  readonly tagConflict?: TagConflict;

  /**
   * The SQS queue with the notices of interruptions: the controller may read it, and HelmValues names it. It must
   * be in the cluster's own account and Region, where Karpenter looks it up by its name, and among the queues that
   * the function allows (InterruptionQueueArns of `function.yaml`). You make the queue and the EventBridge rules
   * that fill it.
   *
   * @default - none
   */
  readonly interruptionQueue?: sqs.IQueue;

  /**
   * A role to assume for the Kubernetes API, such as the one that created the cluster.
   *
   * @default - none
   */
  readonly kubernetesRole?: iam.IRole;

  /**
   * What to do with a role, instance profile or Pod Identity association of the wanted name that is not this
   * stack's. `Fail` before any change, saying whose it is. `Adopt`: bring it into line (trust, policies, boundary,
   * tags) and use it. What no stack of this kind had made is left in place on Delete; what one had made goes with
   * the last resource that uses it.
   *
   * @default - `Fail`
   */
  readonly existingObjects?: ExistingObjects;

  /**
   * What a Delete does while instances still run with an instance profile that would go: `Fail` before any change,
   * naming them, or `Ignore` them. Of a cluster that is gone they are ignored.
   *
   * @default - `Fail`
   */
  readonly runningNodes?: RunningNodes;

  /**
   * Ignored: change it to run the resource again (a new node group, drift, a new function).
   *
   * @default - none
   */
  readonly revision?: string;
}

/**
 * The resource's properties, named as templates name them.
 *
 * @internal
 */
export function propertiesOf(props: KarpenterPrereqsOptions): Record<string, unknown> {
  return {
    KarpenterVersion: props.karpenterVersions,
    Namespace: props.namespace,
    ServiceAccount: props.serviceAccount,
    ControllerIdentity: props.controllerIdentities,
    OidcProvider: props.oidcProvider,
    NodeAccess: props.nodeAccess,
    NodeRoleName: props.nodeRoleName,
    ControllerRoleName: props.controllerRoleName,
    InstanceProfileName: props.instanceProfileName,
    NodeRoleArn: props.nodeRole?.roleArn,
    NodePolicyArns: props.nodePolicies?.map((policy) => policy.managedPolicyArn),
    ControllerPolicyArns: props.controllerPolicies?.map((policy) => policy.managedPolicyArn),
    RolePath: props.rolePath,
    PermissionsBoundary: props.permissionsBoundary?.managedPolicyArn,
    DiscoveryTagKey: props.discoveryTagKey,
    DiscoveryTagValue: props.discoveryTagValue,
    SubnetIds: props.subnets?.map((subnet) => subnet.subnetId),
    SecurityGroupIds: props.securityGroups?.map((group) => group.securityGroupId),
    TagConflict: props.tagConflict,
    InterruptionQueueArn: props.interruptionQueue?.queueArn,
    KubernetesRoleArn: props.kubernetesRole?.roleArn,
    ExistingObjects: props.existingObjects,
    RunningNodes: props.runningNodes,
    Revision: props.revision,
  };
}
