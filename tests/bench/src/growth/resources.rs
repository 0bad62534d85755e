//! Many subnets, and as many security groups.

use aws_sdk_ec2::Client;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use local_cloud::{Error, scenario::CLUSTER};
use serde_json::{Value, json};

use crate::environment::Environment;

/// How many are created at the same time.
const AT_ONCE: usize = 8;

/// A VPC for this part, and what it contains so far.
pub(crate) struct Resources {
    ec2: Client,
    vpc_id: String,
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
}

impl Resources {
    /// Creates an empty VPC.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub(crate) async fn new(environment: &Environment) -> Result<Self, Error> {
        let ec2 = Client::new(&environment.cloud.admin());
        let created = ec2.create_vpc().cidr_block("10.1.0.0/16").send().await.map_err(Error::aws("CreateVpc"))?;
        let vpc_id = created.vpc.and_then(|vpc| vpc.vpc_id);
        let vpc_id = vpc_id.ok_or(Error::Incomplete { operation: "CreateVpc", field: "vpcId" })?;
        Ok(Self { ec2, vpc_id, subnet_ids: Vec::new(), security_group_ids: Vec::new() })
    }

    /// Creates the missing subnets and security groups, and returns properties that name `size` of each.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub(crate) async fn grow_to(&mut self, size: usize) -> Result<Value, Error> {
        let missing = || self.subnet_ids.len()..size;
        let (this, subnets, groups) = (&*self, missing(), missing());
        let subnets: Vec<_> =
            stream::iter(subnets).map(|number| this.subnet(number)).buffered(AT_ONCE).try_collect().await?;
        let groups: Vec<_> =
            stream::iter(groups).map(|number| this.group(number)).buffered(AT_ONCE).try_collect().await?;
        self.subnet_ids.extend(subnets);
        self.security_group_ids.extend(groups);
        Ok(json!({
            "ClusterName": CLUSTER,
            "NodeAccess": "None",
            "SubnetIds": self.subnet_ids[..size],
            "SecurityGroupIds": self.security_group_ids[..size],
        }))
    }

    async fn subnet(&self, number: usize) -> Result<String, Error> {
        let block = format!("10.1.{}.{}/28", number / 16, number % 16 * 16);
        let created = self.ec2.create_subnet().vpc_id(&self.vpc_id).cidr_block(block).send().await;
        let id = created.map_err(Error::aws("CreateSubnet"))?.subnet.and_then(|subnet| subnet.subnet_id);
        id.ok_or(Error::Incomplete { operation: "CreateSubnet", field: "subnetId" })
    }

    async fn group(&self, number: usize) -> Result<String, Error> {
        group(&self.ec2, &self.vpc_id, &format!("grown-{number}")).await
    }
}

/// Creates a security group, and returns its id.
///
/// # Errors
/// [`Error::Aws`].
pub(super) async fn group(ec2: &Client, vpc_id: &str, name: &str) -> Result<String, Error> {
    let created = ec2.create_security_group().vpc_id(vpc_id).group_name(name).description("bench").send().await;
    let id = created.map_err(Error::aws("CreateSecurityGroup"))?.group_id;
    id.ok_or(Error::Incomplete { operation: "CreateSecurityGroup", field: "groupId" })
}
