//! The rates at which AWS allows the calls of an account. Each is a token bucket of one account and region, with a burst and
//! a number of calls a second.
//!
//! | Calls | Burst | A second | Source |
//! |---|---|---|---|
//! | EC2 `CreateTags`, `DeleteTags`, each | 100 | 10 | documented (1) |
//! | EC2, other writes, each operation | 50 | 5 | documented (1), "Mutating actions" |
//! | EC2 reads, each operation | 100 | 20 | documented (1), "Non-mutating actions": the function always filters |
//! | STS | 600 | 600 | documented (2): 600 a second, all operations together |
//! | IAM writes | 20 | 10 | not documented, observed (3, 4) |
//! | IAM reads | 40 | 20 | not documented, observed (3, 4) |
//! | EKS reads | 20 | 10 | not documented, observed (5) |
//! | CloudFormation `Describe…`, each operation | 20 | 10 | not documented, observed (6) |
//!
//! 1. <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>, "Request token bucket sizes and refill
//!    rates": each API has its own bucket.
//! 2. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>, "AWS STS request quotas".
//! 3. AWS documents only that token buckets by account, caller and API apply together, without a number
//!    (<https://aws.amazon.com/blogs/security/how-to-monitor-and-query-iam-resources-at-scale-part-2/>), and that they cannot
//!    be increased (<https://repost.aws/knowledge-center/iam-sts-throttling-error>).
//! 4. Users report 5 to 10 calls a second with lists and changes, and a maximum of 20 a second. Attaching a few policies was
//!    throttled: <https://github.com/mantil-io/mantil/issues/17>, <https://github.com/gruntwork-io/cloud-nuke/issues/371>.
//! 5. In a scale-out of 150 nodes, each with one `DescribeCluster` and four retries, about ten nodes failed
//!    (<https://github.com/awslabs/amazon-eks-ami/pull/218>). This is about ten calls a second.
//! 6. `DescribeStacks` and `DescribeStackEvents` are throttled when about ten stacks are watched at the same time
//!    (<https://github.com/aws/aws-cli/issues/2948>, <https://github.com/cloudtools/stacker/issues/337>).
//!
//! For undocumented rates, this uses the lower one of the observed values, so that the test is not easier than AWS.

use local_cloud::gateway::{Limit, Throttle};

/// Returns full buckets with all these rates.
pub fn throttle() -> Throttle {
    Throttle::new([
        Limit::operation("ec2", "CreateTags", 100, 10.0),
        Limit::operation("ec2", "DeleteTags", 100, 10.0),
        Limit::writes("ec2", 50, 5.0).each(),
        Limit::reads("ec2", 100, 20.0).each(),
        Limit::reads("sts", 600, 600.0),
        Limit::writes("iam", 20, 10.0),
        Limit::reads("iam", 40, 20.0),
        Limit::reads("eks", 20, 10.0),
        Limit::reads("cloudformation", 20, 10.0).each(),
    ])
}
