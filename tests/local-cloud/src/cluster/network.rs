//! The VPC of a cluster.

use aws_config::SdkConfig;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};

use crate::error::Error;

/// A VPC with subnets, and the security group that EKS creates for a cluster.
pub(super) struct Network {
    pub(super) vpc_id: String,
    pub(super) subnet_ids: Vec<String>,
    pub(super) cluster_security_group_id: String,
}

impl Network {
    pub(super) async fn create(admin: &SdkConfig, cluster: &str, subnets: usize) -> Result<Self, Error> {
        let ec2 = aws_sdk_ec2::Client::new(admin);
        let region = admin.region().map_or("us-east-1", AsRef::as_ref);
        let vpc = ec2
            .create_vpc()
            .cidr_block("10.0.0.0/16")
            .tag_specifications(named(ResourceType::Vpc, cluster))
            .send()
            .await
            .map_err(Error::aws("CreateVpc"))?;
        let vpc_id =
            vpc.vpc.and_then(|vpc| vpc.vpc_id).ok_or(Error::Incomplete { operation: "CreateVpc", field: "vpcId" })?;
        let mut subnet_ids = Vec::with_capacity(subnets);
        for index in 0..subnets {
            let response = ec2
                .create_subnet()
                .vpc_id(&vpc_id)
                .cidr_block(format!("10.0.{index}.0/24"))
                .availability_zone(format!("{region}{}", ["a", "b", "c"][index % 3]))
                .tag_specifications(named(ResourceType::Subnet, &format!("{cluster}-{index}")))
                .send()
                .await
                .map_err(Error::aws("CreateSubnet"))?;
            let id = response.subnet.and_then(|subnet| subnet.subnet_id);
            subnet_ids.push(id.ok_or(Error::Incomplete { operation: "CreateSubnet", field: "subnetId" })?);
        }
        // MiniStack's EKS returns a group that its EC2 does not know. The gateway replaces it with this one.
        let name = format!("eks-cluster-sg-{cluster}");
        let cluster_security_group_id = create_security_group(admin, &vpc_id, &name).await?;
        Ok(Self { vpc_id, subnet_ids, cluster_security_group_id })
    }
}

pub(super) async fn create_security_group(admin: &SdkConfig, vpc_id: &str, name: &str) -> Result<String, Error> {
    aws_sdk_ec2::Client::new(admin)
        .create_security_group()
        .vpc_id(vpc_id)
        .group_name(name)
        .description("local cloud")
        .tag_specifications(named(ResourceType::SecurityGroup, name))
        .send()
        .await
        .map_err(Error::aws("CreateSecurityGroup"))?
        .group_id
        .ok_or(Error::Incomplete { operation: "CreateSecurityGroup", field: "groupId" })
}

fn named(kind: ResourceType, name: &str) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).tags(Tag::builder().key("Name").value(name).build()).build()
}
