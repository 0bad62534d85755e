import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, Duration, FileSystem, Lazy, Names, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as eks from 'aws-cdk-lib/aws-eks';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { aws_eks } from 'aws-cdk-lib/interfaces';
import { Construct, IConstruct } from 'constructs';
import { POLICY_NAMES, policy, wildcards } from './execution-policies';

/** A function that serves `Custom::KarpenterPrereqs`, defined in this app or deployed with the CloudFormation template. */
export interface IKarpenterPrereqsFunction extends IConstruct {
  /** The ARN of the function, which is the ServiceToken of the resources that it serves. */
  readonly functionArn: string;
}

/** Settings of the function, and bounds for the resources that it serves. */
export interface KarpenterPrereqsFunctionProps {
  /**
   * The processor architecture of the function.
   *
   * @default - ARM_64
   */
  readonly architecture?: lambda.Architecture;

  /**
   * The path of the function's zip file, which must be built for the architecture.
   *
   * @default - the zip file in this package
   */
  readonly codePath?: string;

  /**
   * The prefix of the names of node roles, controller roles and instance profiles. IAM denies other names.
   *
   * @default - Karpenter
   */
  readonly namePrefix?: string;

  /**
   * The IAM path of the roles and instance profiles.
   *
   * @default - /
   */
  readonly rolePath?: string;

  /**
   * The managed policy that must be the permissions boundary of every role.
   *
   * @default - none; resources may choose
   */
  readonly permissionsBoundary?: iam.IManagedPolicy;

  /**
   * Additional managed policies that resources outside of this app may use. Policies of resources in this app are added.
   *
   * @default - none
   */
  readonly attachablePolicies?: iam.IManagedPolicy[];

  /**
   * Keys of discovery tags that resources outside of this app may use. Keys of resources in this app are added.
   *
   * @default - karpenter.sh/discovery
   */
  readonly discoveryTagKeys?: string[];

  /**
   * Existing node roles that resources outside of this app may use. Node roles of resources in this app are added.
   *
   * @default - none
   */
  readonly nodeRoles?: iam.IRole[];

  /**
   * Interruption queues that resources outside of this app may use. Queues of resources in this app are added.
   *
   * @default - the queues of this account and Region whose names begin with namePrefix
   */
  readonly interruptionQueues?: sqs.IQueue[];

  /**
   * Roles that resources outside of this app may use for the Kubernetes API. Roles of resources in this app are added.
   *
   * If you remove a role from a resource of this app, add the role here until the resource is deployed without it.
   *
   * @default - none
   */
  readonly kubernetesRoles?: iam.IRole[];

  /**
   * The IAM path of the function's own role.
   *
   * @default - /
   */
  readonly executionRolePath?: string;

  /**
   * The managed policy that is the permissions boundary of the function's own role.
   *
   * @default - none
   */
  readonly executionRoleBoundary?: iam.IManagedPolicy;

  /**
   * How long to keep the function's log. Deleting the stack deletes the log.
   *
   * @default - ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * The destination for events whose response could not be delivered.
   *
   * @default - none
   */
  readonly onFailure?: lambda.IDestination;

  /**
   * The PEM file with the certificate authorities that the function trusts.
   *
   * Set it only if a proxy terminates outbound TLS and you add its authority to the zip file (`/var/task/…`).
   *
   * @default - /etc/pki/tls/certs/ca-bundle.crt, the file of the Lambda runtime
   */
  readonly caBundleFile?: string;

  /**
   * The VPC to run the function in. Set it if the API endpoints of your clusters are private. The VPC needs a route to S3 (for the
   * response to CloudFormation), STS, IAM, EC2, EKS and CloudFormation.
   *
   * @default - none
   */
  readonly vpc?: ec2.IVpc;

  /**
   * The subnets of the VPC to run the function in.
   *
   * @default - the private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * The security groups of the function in the VPC. Each cluster's security group must allow traffic from them on port 443.
   *
   * @default - a new one
   */
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/** The permissions that the function needs for one resource of this app. */
interface Requirements {
  readonly policyArns: string[];
  readonly nodeRoleArn?: string;
  readonly kubernetesRoleArn?: string;
  readonly discoveryTagKey?: string;
  readonly interruptionQueueArn?: string;
}

/** The function with its role, log and delivery settings. `function.yaml` is the same without the CDK. */
export class KarpenterPrereqsFunction extends Construct implements IKarpenterPrereqsFunction {
  /**
   * Returns the function that all resources of a stack share. The first call for a stack creates it.
   *
   * @param scope a construct in the stack
   */
  public static of(scope: Construct): KarpenterPrereqsFunction {
    const stack = Stack.of(scope);
    const existing = stack.node.tryFindChild('KarpenterPrereqsFunction') as KarpenterPrereqsFunction | undefined;
    return existing ?? new KarpenterPrereqsFunction(stack, 'KarpenterPrereqsFunction');
  }

  /**
   * Imports an existing function, such as one that is deployed with `function.yaml`.
   *
   * @param scope the parent construct
   * @param id the id of the construct
   * @param functionArn the ARN of the function, such as `Fn.importValue('karpenter-prereqs-FunctionArn')`
   */
  public static fromFunctionArn(scope: Construct, id: string, functionArn: string): IKarpenterPrereqsFunction {
    class Imported extends Construct implements IKarpenterPrereqsFunction {
      public readonly functionArn = functionArn;
    }
    return new Imported(scope, id);
  }

  public readonly functionArn: string;
  /** The Lambda function, for its metrics, VPC connections and log. */
  public readonly lambdaFunction: lambda.Function;
  /** The function's own role. */
  public readonly executionRole: iam.Role;
  /** The prefix of the names of node roles, controller roles and instance profiles. */
  public readonly namePrefix: string;
  /** The IAM path of the roles and instance profiles. */
  public readonly rolePath: string;
  /** The ARN of the managed policy that must be the permissions boundary of every role. Undefined if resources may choose. */
  public readonly permissionsBoundaryArn?: string;
  /** A hash of the function's code. */
  public readonly codeHash: string;

  private readonly requirements: Requirements[] = [];

  constructor(scope: Construct, id: string, props: KarpenterPrereqsFunctionProps = {}) {
    super(scope, id);
    this.namePrefix = props.namePrefix ?? 'Karpenter';
    this.rolePath = props.rolePath ?? '/';
    this.permissionsBoundaryArn = props.permissionsBoundary?.managedPolicyArn;

    const architecture = props.architecture ?? lambda.Architecture.ARM_64;
    const logGroup = new logs.LogGroup(this, 'LogGroup', {
      retention: props.logRetention ?? logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.executionRole = new iam.Role(this, 'ExecutionRole', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      path: props.executionRolePath,
      permissionsBoundary: props.executionRoleBoundary,
    });
    const bounds = () => ({
      RolePath: this.rolePath,
      NamePrefix: this.namePrefix,
      PermissionsBoundary: this.permissionsBoundaryArn,
      AttachablePolicyArns: this.required((it) => it.policyArns, props.attachablePolicies?.map((policy) => policy.managedPolicyArn)),
      NodeRoleArns: this.required((it) => [it.nodeRoleArn], props.nodeRoles?.map((role) => role.roleArn)),
      DiscoveryTagKeys: this.required((it) => [it.discoveryTagKey], props.discoveryTagKeys ?? ['karpenter.sh/discovery']),
      InterruptionQueueArns: this.required(
        (it) => [it.interruptionQueueArn],
        props.interruptionQueues?.map((queue) => queue.queueArn)
          ?? [`arn:${Aws.PARTITION}:sqs:${Aws.REGION}:${Aws.ACCOUNT_ID}:${this.namePrefix}*`],
      ),
      KubernetesRoleArns: this.required((it) => [it.kubernetesRoleArn], props.kubernetesRoles?.map((role) => role.roleArn)),
      InVpc: props.vpc !== undefined,
      LogGroupArn: logGroup.logGroupArn,
      ExecutionRoleArn: this.executionRole.roleArn,
    });
    const policies = POLICY_NAMES.map((name) => {
      const managedPolicy = new iam.CfnManagedPolicy(this, name, {
        description: policy(name, bounds()).Description,
        path: props.executionRolePath,
        roles: [this.executionRole.roleName],
        // Lazy, because resources that are defined later add to the bounds.
        policyDocument: Lazy.any({ produce: () => policy(name, bounds()).PolicyDocument }),
      });
      for (const [resource, sids] of wildcards(name, bounds())) {
        Validations.of(managedPolicy).acknowledge({
          id: `AwsSolutions-IAM5[Resource::${resource}]`,
          reason: `${sids.join(', ')}: names are known only at run time; name prefix, path, tags and the owner tag limit the statements`,
        });
      }
      return managedPolicy;
    });
    const code = lambda.Code.fromAsset(props.codePath ?? bundledZipFile(architecture));
    this.lambdaFunction = new lambda.Function(this, 'Function', {
      description: 'Serves Custom::KarpenterPrereqs',
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      architecture,
      code,
      role: this.executionRole,
      // docs/performance.md has the time and the cost of a Create by memory.
      memorySize: 256,
      timeout: Duration.minutes(15),
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      environment: {
        // Without this variable, the function reads the certificate directories, which takes several times as long.
        SSL_CERT_FILE: props.caBundleFile ?? '/etc/pki/tls/certs/ca-bundle.crt',
        // The function simulates iam:PassRole for this role. It cannot derive this ARN from its session, whose ARN has no path.
        EXECUTION_ROLE_ARN: this.executionRole.roleArn,
        // Bounds that IAM cannot enforce. The function checks them before its first write.
        BOUNDS: Lazy.string({
          produce: () => Stack.of(this).toJsonString({ InterruptionQueueArns: bounds().InterruptionQueueArns }),
        }),
      },
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets,
      securityGroups: props.securityGroups,
      // No longer than ServiceTimeout, because CloudFormation does not wait longer for a response.
      maxEventAge: Duration.minutes(15),
      retryAttempts: 2,
      onFailure: props.onFailure,
    });
    this.lambdaFunction.node.addDependency(...policies);
    this.functionArn = this.lambdaFunction.functionArn;
    this.codeHash = FileSystem.fingerprint(props.codePath ?? bundledZipFile(architecture));
  }

  /**
   * Creates an access entry for the function with the EKS access policy AmazonEKSEditPolicy in the namespace kube-system. Use it for
   * NodeAccess AwsAuth on a cluster in authentication mode API_AND_CONFIG_MAP.
   *
   * Of EKS's access policies that allow edits of aws-auth, this one grants the least, but it also allows edits of other objects in
   * kube-system. For narrower permissions, use a kubernetesRole that you bind to a Role for this ConfigMap alone.
   *
   * @param cluster the cluster
   */
  public grantClusterAccess(cluster: aws_eks.IClusterRef): eks.CfnAccessEntry {
    const id = `ClusterAccess-${Names.nodeUniqueId(cluster.node)}`;
    const existing = this.node.tryFindChild(id) as eks.CfnAccessEntry | undefined;
    return existing ?? new eks.CfnAccessEntry(this, id, {
      clusterName: cluster.clusterRef.clusterName,
      principalArn: this.executionRole.roleArn,
      accessPolicies: [{
        policyArn: `arn:${Aws.PARTITION}:eks::aws:cluster-access-policy/AmazonEKSEditPolicy`,
        accessScope: { type: 'namespace', namespaces: ['kube-system'] },
      }],
    });
  }

  /**
   * Gives the function the permissions for a resource of this app.
   *
   * @internal
   */
  public _allow(requirements: Requirements): void {
    this.requirements.push(requirements);
  }

  /** Returns the given values and those that the resources of this app require, each once. */
  private required(select: (requirements: Requirements) => (string | undefined)[], given: string[] = []): string[] {
    const required = this.requirements.flatMap(select).filter((item): item is string => item !== undefined);
    return [...new Set([...given, ...required])];
  }
}

function bundledZipFile(architecture: lambda.Architecture): string {
  const path = join(__dirname, '..', 'assets', architecture.name, 'bootstrap.zip');
  if (!existsSync(path)) {
    throw new Error(`this package contains no zip file of the function for ${architecture.name}: set codePath to such a file, or choose another architecture`);
  }
  return path;
}
