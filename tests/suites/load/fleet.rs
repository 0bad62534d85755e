//! Many resources, each in a stack of its own, each with a function's process of its own.

use std::time::Duration;

use aws_sdk_ec2::Client;
use futures::{StreamExt as _, stream};
use local_cloud::{
    lambda::{Answer, Event, Function, Invocation, Resource},
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};
use tokio::process::Command;

/// What the template gives the function, and CloudFormation to wait: `Timeout` and `ServiceTimeout`.
pub(super) const TEMPLATE: Duration = Duration::from_mins(15);

/// How many resources share subnets and a security group: each puts a mark on them, and EC2 lets an object have 50
/// tags.
pub(super) const SHARERS: usize = 20;

/// How many processes start at once. What is measured begins when all are there: Lambda has more than two cores.
const STARTS_AT_ONCE: usize = 8;

/// One resource with its function.
pub(super) struct Member {
    pub(super) resource: Resource,
    pub(super) properties: Value,
    /// Its physical id, once it was created.
    pub(super) id: String,
    /// The subnets and groups that its answer names.
    pub(super) tagged: Vec<String>,
    function: Function,
}

/// What an event came to.
pub(super) struct Served {
    pub(super) answer: Answer,
    pub(super) invocation: Invocation,
}

/// Subnets and a security group.
pub(super) struct Network {
    subnet_ids: Vec<String>,
    security_group_id: String,
}

impl Network {
    /// As many of them as `members` need. The first sharers need none: they use those of the node groups.
    pub(super) async fn for_members(scenario: &Scenario, members: usize) -> Vec<Self> {
        let ec2 = Client::new(&scenario.cloud.admin());
        let mut networks = Vec::new();
        for number in 1..members.div_ceil(SHARERS) {
            networks.push(Self::create(&ec2, &scenario.cluster.vpc_id, number).await);
        }
        networks
    }

    async fn create(ec2: &Client, vpc_id: &str, number: usize) -> Self {
        let mut subnet_ids = Vec::new();
        for half in 0..2 {
            let cidr = format!("10.0.{}.0/24", 100 + 2 * number + half);
            let created = ec2.create_subnet().vpc_id(vpc_id).cidr_block(cidr).send().await.unwrap();
            subnet_ids.push(created.subnet.and_then(|subnet| subnet.subnet_id).unwrap());
        }
        let name = format!("load-{number}");
        let group = ec2.create_security_group().vpc_id(vpc_id).group_name(name).description("load").send();
        Self { subnet_ids, security_group_id: group.await.unwrap().group_id.unwrap() }
    }
}

impl Member {
    /// The member of this number, which tells its names and its network.
    pub(super) async fn start(scenario: &Scenario, networks: &[Network], number: usize) -> Self {
        let mut properties = json!({
            "ClusterName": CLUSTER,
            "NodeAccess": "AwsAuth",
            "NodeRoleName": format!("load-node-{number}"),
            "ControllerRoleName": format!("load-controller-{number}"),
            "InstanceProfileName": format!("load-profile-{number}"),
        });
        if let Some(network) = (number / SHARERS).checked_sub(1).and_then(|place| networks.get(place)) {
            properties["SubnetIds"] = json!(network.subnet_ids);
            properties["SecurityGroupIds"] = json!([network.security_group_id]);
        }
        let (account, region) = (scenario.cloud.account(), scenario.cloud.region());
        let seconds = u32::try_from(TEMPLATE.as_secs()).unwrap();
        let resource = Resource::new(account, region, &format!("load-{number}"), "Prereqs").service_timeout(seconds);
        let options = scenario.function_options().await.unwrap();
        let function = Function::start(options).await.unwrap();
        make_way(&function).await;
        Self { resource, properties, id: String::new(), tagged: Vec::new(), function }
    }

    /// Many of them, with the numbers from 0.
    pub(super) async fn start_many(scenario: &Scenario, networks: &[Network], count: usize) -> Vec<Self> {
        stream::iter(0..count)
            .map(|number| Self::start(scenario, networks, number))
            .buffered(STARTS_AT_ONCE)
            .collect()
            .await
    }

    /// Creates the resource.
    pub(super) async fn create(&mut self, scenario: &Scenario) -> Served {
        let served = self.send(scenario, &self.resource.create(&self.properties)).await;
        self.id.clone_from(&served.answer.physical_resource_id);
        let named = ["SubnetIds", "SecurityGroupIds"].into_iter().filter_map(|name| served.answer.data.get(name));
        self.tagged = named.flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
        served
    }

    /// Deletes it.
    pub(super) async fn delete(&mut self, scenario: &Scenario) -> Served {
        self.send(scenario, &self.resource.delete(&self.id, &self.properties)).await
    }

    async fn send(&mut self, scenario: &Scenario, event: &Event) -> Served {
        let url = scenario.answers.expect(event.ids());
        let invocation = self.function.invoke(&event.answered_at(&url), TEMPLATE).await.unwrap();
        let taken = scenario.answers.take(&url, Duration::from_secs(1)).await;
        let answer = taken.unwrap_or_else(|error| panic!("{error}; the log:\n{}", invocation.log_text()));
        answer.assert_sound();
        Served { answer, invocation }
    }
}

/// Lets a function's processes run only where the services leave time. In Lambda each has a machine of its own; here
/// hundreds of them share two cores with the services, which would answer no longer.
async fn make_way(function: &Function) {
    let group = function.process_id().unwrap().to_string();
    let reniced = Command::new("renice").args(["-n", "19", "-g", &group]).output().await.unwrap();
    assert!(reniced.status.success(), "{reniced:?}");
}
