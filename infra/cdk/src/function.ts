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
import { NAMES, policy, wildcards } from './execution-policies';

/** A function that serves `Custom::KarpenterPrereqs`: of this app, or one that the CloudFormation template deployed. */
export interface IKarpenterPrereqsFunction extends IConstruct {
  /** The ARN of the function: the ServiceToken of its resources. */
  readonly functionArn: string;
}

/** How the function runs, and what it may do. */
export interface KarpenterPrereqsFunctionProps {
  /**
   * The processor that the function runs on.
   *
   * @default - ARM_64
   */
  readonly architecture?: lambda.Architecture;

  /**
   * The zip file of the function, built for that processor.
   *
   * @default - the one that this package brings
   */
  readonly codePath?: string;

  /**
   * What the names of node roles, controller roles and instance profiles begin with. The function may make no others.
   *
   * @default - Karpenter
   */
  readonly namePrefix?: string;

  /**
   * The path of the roles and instance profiles.
   *
   * @default - /
   */
  readonly rolePath?: string;

  /**
   * The managed policy that every role must be bounded by.
   *
   * @default - none; a resource may choose
   */
  readonly permissionsBoundary?: iam.IManagedPolicy;

  /**
   * Further managed policies that resources outside of this app may name. Those of the resources in it are added.
   *
   * @default - none
   */
  readonly attachablePolicies?: iam.IManagedPolicy[];

  /**
   * Keys of discovery tags that resources outside of this app may set. Those of the resources in it are added.
   *
   * @default - karpenter.sh/discovery
   */
  readonly discoveryTagKeys?: string[];

  /**
   * Existing roles that resources outside of this app may name as node roles. Those of the resources in it are added.
   *
   * @default - none
   */
  readonly nodeRoles?: iam.IRole[];

  /**
   * Queues that resources outside of this app may name as `InterruptionQueueArn`. Those of the resources in it are added.
   *
   * @default - the queues of this account and Region whose names begin with namePrefix
   */
  readonly interruptionQueues?: sqs.IQueue[];

  /**
   * Roles that resources outside of this app may have assumed for a Kubernetes API; and such as a resource of it used before,
   * until it has been deployed without it. Those of the resources in it are added.
   *
   * @default - none
   */
  readonly kubernetesRoles?: iam.IRole[];

  /**
   * The path of the function's own role.
   *
   * @default - /
   */
  readonly executionRolePath?: string;

  /**
   * The managed policy that bounds the function's own role.
   *
   * @default - none
   */
  readonly executionRoleBoundary?: iam.IManagedPolicy;

  /**
   * How long the function's log is kept while the stack stands.
   *
   * @default - ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * What gets the events whose answer could not be delivered.
   *
   * @default - nothing
   */
  readonly onFailure?: lambda.IDestination;

  /**
   * A PEM file with the certificate authorities that the function trusts.
   *
   * Change it only where the way out ends TLS and its authority comes in the zip file (`/var/task/…`).
   *
   * @default - /etc/pki/tls/certs/ca-bundle.crt, the runtime's
   */
  readonly caBundleFile?: string;

  /**
   * The VPC to run the function in, for clusters whose API endpoint is private. It needs a way to S3, STS, IAM, EC2, EKS and
   * CloudFormation.
   *
   * @default - none
   */
  readonly vpc?: ec2.IVpc;

  /**
   * The subnets of that VPC.
   *
   * @default - its private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * The security groups of the function in that VPC. The clusters' must let them in on port 443.
   *
   * @default - a new one
   */
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/** What a resource of this app wants of its function. */
interface Wish {
  readonly policyArns: string[];
  readonly nodeRoleArn?: string;
  readonly kubernetesRoleArn?: string;
  readonly discoveryTagKey?: string;
  readonly interruptionQueueArn?: string;
}

/** The function, its role, its log and its rules of delivery: what `function.yaml` deploys without the CDK. */
export class KarpenterPrereqsFunction extends Construct implements IKarpenterPrereqsFunction {
  /**
   * The function of the stack that a construct is in: one for all resources of the stack, made when first asked for.
   *
   * @param scope a construct of the stack
   */
  public static of(scope: Construct): KarpenterPrereqsFunction {
    const stack = Stack.of(scope);
    const found = stack.node.tryFindChild('KarpenterPrereqsFunction') as KarpenterPrereqsFunction | undefined;
    return found ?? new KarpenterPrereqsFunction(stack, 'KarpenterPrereqsFunction');
  }

  /**
   * A function that is there already, such as the one that `function.yaml` deployed.
   *
   * @param scope the parent
   * @param id the id
   * @param functionArn its ARN, such as `Fn.importValue('karpenter-prereqs-FunctionArn')`
   */
  public static fromFunctionArn(scope: Construct, id: string, functionArn: string): IKarpenterPrereqsFunction {
    class Imported extends Construct implements IKarpenterPrereqsFunction {
      public readonly functionArn = functionArn;
    }
    return new Imported(scope, id);
  }

  public readonly functionArn: string;
  /** The function: its metrics, its connections in a VPC, its log. */
  public readonly lambdaFunction: lambda.Function;
  /** The function's own role. */
  public readonly executionRole: iam.Role;
  /** What the names of node roles, controller roles and instance profiles must begin with. */
  public readonly namePrefix: string;
  /** The path that roles and instance profiles must have. */
  public readonly rolePath: string;
  /** The ARN of the managed policy that roles must be bounded by; absent where a resource may choose. */
  public readonly permissionsBoundaryArn?: string;
  /** A hash of the function's code. */
  public readonly codeHash: string;

  private readonly wishes: Wish[] = [];

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
      AttachablePolicyArns: this.wished((wish) => wish.policyArns, props.attachablePolicies?.map((policy) => policy.managedPolicyArn)),
      NodeRoleArns: this.wished((wish) => [wish.nodeRoleArn], props.nodeRoles?.map((role) => role.roleArn)),
      DiscoveryTagKeys: this.wished((wish) => [wish.discoveryTagKey], props.discoveryTagKeys ?? ['karpenter.sh/discovery']),
      InterruptionQueueArns: this.wished(
        (wish) => [wish.interruptionQueueArn],
        props.interruptionQueues?.map((queue) => queue.queueArn)
          ?? [`arn:${Aws.PARTITION}:sqs:${Aws.REGION}:${Aws.ACCOUNT_ID}:${this.namePrefix}*`],
      ),
      KubernetesRoleArns: this.wished((wish) => [wish.kubernetesRoleArn], props.kubernetesRoles?.map((role) => role.roleArn)),
      InVpc: props.vpc !== undefined,
      LogGroupArn: logGroup.logGroupArn,
      ExecutionRoleArn: this.executionRole.roleArn,
    });
    const policies = NAMES.map((name) => {
      const made = new iam.CfnManagedPolicy(this, name, {
        description: policy(name, bounds()).Description,
        path: props.executionRolePath,
        roles: [this.executionRole.roleName],
        // Lazy: the bounds are known when all resources of the app are.
        policyDocument: Lazy.any({ produce: () => policy(name, bounds()).PolicyDocument }),
      });
      for (const [resource, sids] of wildcards(name, bounds())) {
        Validations.of(made).acknowledge({
          id: `AwsSolutions-IAM5[Resource::${resource}]`,
          reason: `${sids.join(', ')}: names are known at run time; what is made is bounded by them, path and tags, what is taken away by the owner tag`,
        });
      }
      return made;
    });
    const code = lambda.Code.fromAsset(props.codePath ?? bundled(architecture));
    this.lambdaFunction = new lambda.Function(this, 'Function', {
      description: 'Serves Custom::KarpenterPrereqs',
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      architecture,
      code,
      role: this.executionRole,
      memorySize: 256,
      timeout: Duration.minutes(15),
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      // One file is read in a fraction of the time that the folders of certificates take.
      environment: {
        SSL_CERT_FILE: props.caBundleFile ?? '/etc/pki/tls/certs/ca-bundle.crt',
        // The function has IAM simulate what this role may pass: the ARN of its session lacks the path.
        EXECUTION_ROLE_ARN: this.executionRole.roleArn,
        // Bounds that IAM cannot enforce. The function checks them before its first write.
        BOUNDS: Lazy.string({
          produce: () => Stack.of(this).toJsonString({ InterruptionQueueArns: bounds().InterruptionQueueArns }),
        }),
      },
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets,
      securityGroups: props.securityGroups,
      // No longer than the resource's ServiceTimeout: CloudFormation has given up by then.
      maxEventAge: Duration.minutes(15),
      retryAttempts: 2,
      onFailure: props.onFailure,
    });
    this.lambdaFunction.node.addDependency(...policies);
    this.functionArn = this.lambdaFunction.functionArn;
    this.codeHash = FileSystem.fingerprint(props.codePath ?? bundled(architecture));
  }

  /**
   * Gives the function an access entry with EKS's access policy AmazonEKSEditPolicy for kube-system, the narrowest that lets edit
   * aws-auth: for NodeAccess AwsAuth on a cluster whose authentication mode is API_AND_CONFIG_MAP. That policy lets edit more of
   * kube-system than the one ConfigMap; a kubernetesRole that is bound to a Role of your own needs no more than that.
   *
   * @param cluster the cluster
   */
  public grantClusterAccess(cluster: aws_eks.IClusterRef): eks.CfnAccessEntry {
    const id = `ClusterAccess-${Names.nodeUniqueId(cluster.node)}`;
    const found = this.node.tryFindChild(id) as eks.CfnAccessEntry | undefined;
    return found ?? new eks.CfnAccessEntry(this, id, {
      clusterName: cluster.clusterRef.clusterName,
      principalArn: this.executionRole.roleArn,
      accessPolicies: [{
        policyArn: `arn:${Aws.PARTITION}:eks::aws:cluster-access-policy/AmazonEKSEditPolicy`,
        accessScope: { type: 'namespace', namespaces: ['kube-system'] },
      }],
    });
  }

  /**
   * Lets the function do what a resource of this app wants.
   *
   * @internal
   */
  public _allow(wish: Wish): void {
    this.wishes.push(wish);
  }

  /** What all resources of the app wish, and this. */
  private wished(of: (wish: Wish) => (string | undefined)[], more: string[] = []): string[] {
    const wished = this.wishes.flatMap(of).filter((item): item is string => item !== undefined);
    return [...new Set([...more, ...wished])];
  }
}

function bundled(architecture: lambda.Architecture): string {
  const path = join(__dirname, '..', 'assets', architecture.name, 'bootstrap.zip');
  if (!existsSync(path)) {
    throw new Error(`this build of karpenter-prereqs brings no function for ${architecture.name}: set codePath to a zip file of it, or choose another architecture`);
  }
  return path;
}
