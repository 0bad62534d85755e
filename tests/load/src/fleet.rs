//! Many resources, each in its own stack, and each with its own process of the function.

use std::time::Duration;

use aws_sdk_ec2::Client;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use local_cloud::{
    Error,
    lambda::{CfnResponse, Event, Function, Invocation, Resource},
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};
use tokio::process::Command;

/// `Timeout` of the function and `ServiceTimeout` of the resource in the template, in seconds.
const TIMEOUT_SECONDS: u32 = 900;

/// How many resources share subnets and a security group. Each writes a marker on them, and an EC2 object can have at most 50
/// tags.
pub const MAX_SHARED: usize = 20;

/// How many processes start at the same time. The measurement begins after all starts, because Lambda has more than two
/// cores.
const STARTS_AT_ONCE: usize = 8;

/// One resource with its function.
#[derive(Debug)]
pub struct Member {
    /// Its properties, an object.
    pub properties: Value,
    /// The subnets and security groups in its response.
    pub tagged: Vec<String>,
    resource: Resource,
    /// Its physical id, after its creation.
    id: String,
    function: Function,
}

/// The result of an event.
#[derive(Debug)]
pub struct Served {
    /// The response, with its violations.
    pub response: CfnResponse,
    /// The invocation, with the log.
    pub invocation: Invocation,
}

/// Subnets and a security group.
#[derive(Debug)]
pub struct Network {
    subnet_ids: Vec<String>,
    security_group_id: String,
}

impl Network {
    /// Creates the networks for this many members. The first [`MAX_SHARED`] members use the subnets of the node groups.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn for_members(scenario: &Scenario, members: usize) -> Result<Vec<Self>, Error> {
        let ec2 = Client::new(&scenario.cloud.admin());
        let mut networks = Vec::new();
        for number in 1..members.div_ceil(MAX_SHARED) {
            networks.push(Self::create(&ec2, &scenario.cluster.vpc_id, number).await?);
        }
        Ok(networks)
    }

    async fn create(ec2: &Client, vpc_id: &str, number: usize) -> Result<Self, Error> {
        let mut subnet_ids = Vec::new();
        for half in 0..2 {
            let cidr = format!("10.0.{}.0/24", 100 + 2 * number + half);
            let created = ec2.create_subnet().vpc_id(vpc_id).cidr_block(cidr).send().await;
            let subnet = created.map_err(Error::aws("CreateSubnet"))?.subnet.and_then(|subnet| subnet.subnet_id);
            subnet_ids.push(subnet.ok_or(Error::Incomplete { operation: "CreateSubnet", field: "subnetId" })?);
        }
        let name = format!("load-{number}");
        let group = ec2.create_security_group().vpc_id(vpc_id).group_name(name).description("load").send();
        let group = group.await.map_err(Error::aws("CreateSecurityGroup"))?.group_id;
        let missing = Error::Incomplete { operation: "CreateSecurityGroup", field: "groupId" };
        Ok(Self { subnet_ids, security_group_id: group.ok_or(missing)? })
    }
}

impl Member {
    /// Starts the member with this number. The number determines its names and its network.
    ///
    /// # Errors
    /// Fails when its process does not start.
    pub async fn start(scenario: &Scenario, networks: &[Network], number: usize) -> Result<Self, Error> {
        let mut properties = json!({
            "ClusterName": CLUSTER,
            "NodeAccess": "AwsAuth",
            "NodeRoleName": format!("load-node-{number}"),
            "ControllerRoleName": format!("load-controller-{number}"),
            "InstanceProfileName": format!("load-profile-{number}"),
        });
        if let Some(network) = (number / MAX_SHARED).checked_sub(1).and_then(|place| networks.get(place)) {
            properties["SubnetIds"] = json!(network.subnet_ids);
            properties["SecurityGroupIds"] = json!([network.security_group_id]);
        }
        let (account, region) = (scenario.cloud.account(), scenario.cloud.region());
        let resource =
            Resource::new(account, region, &format!("load-{number}"), "Prereqs").service_timeout(TIMEOUT_SECONDS);
        let function = Function::start(scenario.function_options().await?).await?;
        renice(&function).await?;
        Ok(Self { resource, properties, id: String::new(), tagged: Vec::new(), function })
    }

    /// Starts members with the numbers from 0.
    ///
    /// # Errors
    /// As [`Member::start`].
    pub async fn start_many(scenario: &Scenario, networks: &[Network], count: usize) -> Result<Vec<Self>, Error> {
        stream::iter(0..count)
            .map(|number| Self::start(scenario, networks, number))
            .buffered(STARTS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Creates the resource.
    ///
    /// # Errors
    /// Fails when there is no response.
    pub async fn create(&mut self, scenario: &Scenario) -> Result<Served, Error> {
        let served = self.send(scenario, &self.resource.create(&self.properties)).await?;
        self.id.clone_from(&served.response.physical_resource_id);
        let named = ["SubnetIds", "SecurityGroupIds"].into_iter().filter_map(|name| served.response.data.get(name));
        self.tagged = named.flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
        Ok(served)
    }

    /// Deletes the resource.
    ///
    /// # Errors
    /// Fails when there is no response.
    pub async fn delete(&mut self, scenario: &Scenario) -> Result<Served, Error> {
        self.send(scenario, &self.resource.delete(&self.id, &self.properties)).await
    }

    async fn send(&mut self, scenario: &Scenario, event: &Event) -> Result<Served, Error> {
        let url = scenario.responses.expect(event.ids());
        let limit = Duration::from_secs(TIMEOUT_SECONDS.into());
        let invocation = self.function.invoke(&event.with_response_url(&url), limit).await?;
        let taken = scenario.responses.take(&url, Duration::from_secs(1)).await;
        let response =
            taken.map_err(|error| Error::Unusable(format!("{error}; the log:\n{}", invocation.log_text())))?;
        Ok(Served { response, invocation })
    }
}

impl Served {
    /// Checks that the response is a success.
    ///
    /// # Errors
    /// Returns its reason and the log.
    pub fn succeeded(&self) -> Result<(), Error> {
        if self.response.succeeded() {
            return Ok(());
        }
        let reason = self.response.reason.as_deref().unwrap_or_default();
        Err(Error::Unusable(format!("{reason}; the log:\n{}", self.invocation.log_text())))
    }
}

/// Lowers the priority of a function's processes below that of the services. In Lambda each process has its own machine. Here
/// hundreds of them share two cores with the services, which would not respond in time.
async fn renice(function: &Function) -> Result<(), Error> {
    let group = function.process_id().map(|id| id.to_string()).unwrap_or_default();
    let reniced = Command::new("renice").args(["-n", "19", "-g", &group]).output().await;
    let reniced = reniced.map_err(|source| Error::Spawn { program: "renice".to_owned(), source })?;
    if reniced.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&reniced.stderr).into_owned();
    Err(Error::Unusable(format!("cannot lower the priority of process group {group}: {stderr}")))
}
