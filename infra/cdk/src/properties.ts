// Generated from ../schema.json by `npm run generate`: change the property table instead.
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sqs from 'aws-cdk-lib/aws-sqs';

/** The values of the property ControllerIdentity. */
export enum ControllerIdentity {
  /** The value `IRSA`. */
  IRSA = 'IRSA',
  /** The value `PodIdentity`. */
  POD_IDENTITY = 'PodIdentity',
}

/** The values of the property OidcProvider. */
export enum OidcProvider {
  /** The value `Require`. */
  REQUIRE = 'Require',
  /** The value `Create`. */
  CREATE = 'Create',
}

/** The values of the property NodeAccess. */
export enum NodeAccess {
  /** The value `Auto`. */
  AUTO = 'Auto',
  /** The value `AwsAuth`. */
  AWS_AUTH = 'AwsAuth',
  /** The value `AccessEntry`. */
  ACCESS_ENTRY = 'AccessEntry',
  /** The value `None`. */
  NONE = 'None',
}

/** The values of the property TagConflict. */
export enum TagConflict {
  /** The value `Fail`. */
  FAIL = 'Fail',
  /** The value `Skip`. */
  SKIP = 'Skip',
}

/** The values of the property ExistingObjects. */
export enum ExistingObjects {
  /** The value `Fail`. */
  FAIL = 'Fail',
  /** The value `Adopt`. */
  ADOPT = 'Adopt',
}

/** The values of the property RunningNodes. */
export enum RunningNodes {
  /** The value `Fail`. */
  FAIL = 'Fail',
  /** The value `Ignore`. */
  IGNORE = 'Ignore',
}

/** The properties of `Custom::KarpenterPrereqs`, other than its cluster and its tags. */
export interface KarpenterPrereqsOptions {
  /**
   * The Karpenter version that runs, such as `1.15.0`, or a list of versions during an upgrade. Without it, the
   * controller role gets the baseline policy.
   *
   * @default - none
   */
  readonly karpenterVersions?: string[];

  /**
   * The namespace of Karpenter's service account, which the controller role trusts.
   *
   * @default - `karpenter`
   */
  readonly namespace?: string;

  /**
   * The name of Karpenter's service account, which the controller role trusts.
   *
   * @default - `karpenter`
   */
  readonly serviceAccount?: string;

  /**
   * How the controller gets credentials: `IRSA` (the cluster's OIDC issuer), `PodIdentity` (an EKS Pod Identity
   * association), or both in a list while you migrate.
   *
   * @default - `IRSA`
   */
  readonly controllerIdentities?: ControllerIdentity[];

  /**
   * What to do if IAM has no OIDC provider for the cluster, which IRSA needs. `Require` fails before any change,
   * and `Create` creates the provider.
   *
   * @default - `Require`
   */
  readonly oidcProvider?: OidcProvider;

  /**
   * How nodes join the cluster: an EKS access entry (`AccessEntry`), an entry in the ConfigMap
   * `kube-system/aws-auth` (`AwsAuth`), or neither (`None`). `Auto` uses an access entry if the cluster's
   * authenticationMode supports it, and aws-auth otherwise.
   *
   * @default - `Auto`
   */
  readonly nodeAccess?: NodeAccess;

  /**
   * The name of the node role. A default that exceeds IAM's limit is cut and ends in a hash of the cluster name.
   *
   * @default - `KarpenterNodeRole-<cluster>`
   */
  readonly nodeRoleName?: string;

  /**
   * The name of the controller role. A default that exceeds IAM's limit is cut and ends in a hash of the cluster
   * name.
   *
   * @default - `KarpenterControllerRole-<cluster>`
   */
  readonly controllerRoleName?: string;

  /**
   * The name of the instance profile.
   *
   * @default - `KarpenterNodeInstanceProfile-<cluster>`, or NodeRoleName if it is set
   */
  readonly instanceProfileName?: string;

  /**
   * An existing role for the nodes, which is used but never changed or deleted. Do not set NodeRoleName or
   * NodePolicyArns with it.
   *
   * @default - none
   */
  readonly nodeRole?: iam.IRole;

  /**
   * Additional managed policies for the node role.
   *
   * @default - none
   */
  readonly nodePolicies?: iam.IManagedPolicy[];

  /**
   * Additional managed policies for the controller role.
   *
   * @default - none
   */
  readonly controllerPolicies?: iam.IManagedPolicy[];

  /**
   * The IAM path of both roles and of the instance profile. The aws-auth entry has the role's ARN without the
   * path, because aws-auth does not match ARNs with a path.
   *
   * @default - `/`
   */
  readonly rolePath?: string;

  /**
   * The managed policy that is the permissions boundary of both roles.
   *
   * @default - none
   */
  readonly permissionsBoundary?: iam.IManagedPolicy;

  /**
   * The key of the tag that Karpenter uses to find subnets and security groups.
   *
   * @default - `karpenter.sh/discovery`
   */
  readonly discoveryTagKey?: string;

  /**
   * The value of the discovery tag.
   *
   * @default - the cluster name
   */
  readonly discoveryTagValue?: string;

  /**
   * The subnets to tag, instead of the subnets of the node groups.
   *
   * @default - the subnets of the node groups
   */
  readonly subnets?: ec2.ISubnet[];

  /**
   * The security groups to tag, instead of those of the node groups.
   *
   * @default - the security groups of the node groups
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * What to do with a subnet or security group whose discovery tag has another value. `Fail` fails before any
   * change, and `Skip` leaves it out with a warning.
   *
   * @default - `Fail`
   */
  readonly tagConflict?: TagConflict;

  /**
   * The SQS interruption queue, which must be in the cluster's account and Region. The controller role may read
   * it, and HelmValues contains its name.
   *
   * @default - none
   */
  readonly interruptionQueue?: sqs.IQueue;

  /**
   * A role that the function assumes to call the Kubernetes API, such as the role that created the cluster.
   *
   * @default - none
   */
  readonly kubernetesRole?: iam.IRole;

  /**
   * What to do with a role, instance profile or Pod Identity association that exists and that this stack did not
   * create. `Fail` fails before any change, and `Adopt` updates and uses the object.
   *
   * @default - `Fail`
   */
  readonly existingObjects?: ExistingObjects;

  /**
   * What a Delete does while instances still run with the instance profile or the node role that it deletes.
   * `Fail` fails before any change and names them, and `Ignore` continues.
   *
   * @default - `Fail`
   */
  readonly runningNodes?: RunningNodes;

  /**
   * Any text, which is ignored. Change it to run the resource again, for example after drift, a new node group or
   * a new function.
   *
   * @default - none
   */
  readonly revision?: string;
}

/**
 * The properties of the resource, with the names that a template uses.
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
