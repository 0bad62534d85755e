//! Measures how the cost grows with the number of subnets and security groups, of entries in aws-auth, and of node groups.
//!
//! The local cloud takes longer with more objects too. For this reason the report has the processor time of the function's
//! process, and the time in which none of its calls was running.

mod edit;
mod node_groups;
mod resources;

use std::{collections::BTreeMap, time::Duration};

use local_cloud::{
    Error,
    gateway::Call,
    lambda::{Function, Resource},
    scenario::CLUSTER,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::edit::Edited;
use crate::{
    actor::deliver, critical, environment::Environment, process, programs::Programs, progress, statistics::Spread,
};

/// What grows.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Axis {
    /// Subnets, and as many security groups, named by properties.
    Resources,
    /// Entries in aws-auth before the stack's own entry.
    Entries,
    /// Node groups, each with a launch template and a security group of its own.
    NodeGroups,
}

/// The result of a Create at one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Point {
    /// What grows.
    pub(crate) axis: Axis,
    /// The number of objects.
    pub(crate) size: usize,
    /// The processor time, in milliseconds.
    pub(crate) processor_ms: Spread,
    /// The time in which no call was running, in milliseconds.
    pub(crate) between_ms: Spread,
    /// The total time with that of the local cloud, in milliseconds.
    pub(crate) wall_ms: Spread,
    /// The peak memory, in bytes.
    pub(crate) peak: u64,
    /// The number of calls of each operation.
    pub(crate) calls: BTreeMap<String, usize>,
    /// The number of resources in each call of EC2's `CreateTags`.
    pub(crate) batches: Vec<usize>,
    /// The number of calls that requested another page.
    pub(crate) pages: usize,
}

/// All results of this part.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Growth {
    /// The results of the Creates.
    pub(crate) points: Vec<Point>,
    /// The edit of aws-auth alone.
    pub(crate) edits: Vec<Edited>,
}

/// The sizes along each axis. The cost of the others is counted from the first.
pub(crate) const SIZES: [(Axis, &[usize]); 3] =
    [(Axis::Resources, &[1, 10, 100, 1000]), (Axis::Entries, &[1, 10, 500, 5000]), (Axis::NodeGroups, &[2, 10, 100])];

/// The maximum duration of one invocation.
const LIMIT: Duration = Duration::from_mins(10);

/// Measures a Create at each size, `runs` times, with a Delete after each.
///
/// # Errors
/// Fails when one of the operations fails.
pub(crate) async fn measure(environment: &Environment, programs: &Programs, runs: usize) -> Result<Growth, Error> {
    let edits = edit::measure(programs).await?;
    progress("growth: measured the edit of aws-auth");
    let mut points = Vec::new();
    for (axis, sizes) in SIZES {
        let mut workload = match axis {
            Axis::Resources => Workload::Resources(resources::Resources::new(environment).await?),
            Axis::Entries => Workload::Entries,
            Axis::NodeGroups => Workload::NodeGroups(node_groups::NodeGroups::new(environment)),
        };
        for &size in sizes {
            let properties = workload.grow_to(environment, size).await?;
            let point = point(environment, programs, (axis, size), &properties, runs).await?;
            let (median, wall) = (point.processor_ms.median, point.wall_ms.median);
            progress(&format!("growth: {axis:?} {size}: {median:.0} ms processor time, {wall:.0} ms in total"));
            points.push(point);
        }
    }
    Ok(Growth { points, edits })
}

/// What has grown in the account.
enum Workload {
    Resources(resources::Resources),
    Entries,
    NodeGroups(node_groups::NodeGroups),
}

impl Workload {
    /// Creates the missing objects, and returns properties for this size.
    async fn grow_to(&mut self, environment: &Environment, size: usize) -> Result<Value, Error> {
        match self {
            Self::Resources(resources) => resources.grow_to(size).await,
            Self::NodeGroups(groups) => {
                groups.grow_to(environment, size).await?;
                Ok(json!({"ClusterName": CLUSTER, "NodeAccess": "None"}))
            }
            Self::Entries => {
                environment.cluster.control_plane().set_aws_auth(&entries(size)).await?;
                Ok(json!({"ClusterName": CLUSTER}))
            }
        }
    }
}

/// Returns a mapRoles with this many entries.
fn entries(count: usize) -> String {
    let entry = |number| {
        format!(
            "- rolearn: arn:aws:iam::111122223333:role/team-{number}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups:\n    - system:bootstrappers\n    - system:nodes\n"
        )
    };
    (0..count).map(entry).collect()
}

async fn point(
    environment: &Environment,
    programs: &Programs,
    (axis, size): (Axis, usize),
    properties: &Value,
    runs: usize,
) -> Result<Point, Error> {
    let mut seen = Vec::new();
    let (mut peak, mut calls) = (0, Vec::new());
    for _ in 0..runs {
        let mut function = Function::start(environment.function_options(programs.function.clone()).await?).await?;
        let process = function.process_id().ok_or_else(|| Error::Unusable("the function has ended".to_owned()))?;
        let resource = Resource::new(environment.cloud.account(), environment.cloud.region(), "bench", "Prereqs")
            .service_timeout(600);
        let (before, position) = (process::time(process)?, environment.cloud.gateway().journal().position());
        let (id, wall) =
            deliver(environment, &mut function, &resource.create(properties), Duration::ZERO, LIMIT).await?;
        let processor = process::time(process)?.saturating_sub(before);
        calls = environment.cloud.gateway().journal().since(position);
        peak = peak.max(process::memory(process)?.peak);
        seen.push((processor, wall.saturating_sub(critical::under_way(&calls)), wall));
        deliver(environment, &mut function, &resource.delete(&id, properties), Duration::ZERO, LIMIT).await?;
    }
    let spread = |value: fn(&(Duration, Duration, Duration)) -> Duration| {
        let spread = Spread::of(seen.iter().map(|seen| value(seen).as_secs_f64() * 1e3));
        spread.ok_or_else(|| Error::Unusable("the number of runs is 0".to_owned()))
    };
    Ok(Point {
        axis,
        size,
        processor_ms: spread(|seen| seen.0)?,
        between_ms: spread(|seen| seen.1)?,
        wall_ms: spread(|seen| seen.2)?,
        peak,
        calls: counted(&calls),
        batches: calls
            .iter()
            .filter(|call| call.is("ec2", "CreateTags"))
            .map(|call| call.list("ResourceId").len())
            .collect(),
        pages: calls.iter().filter(|call| is_further_page(call)).count(),
    })
}

fn counted(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for call in calls {
        *counted.entry(format!("{} {}", call.service, call.operation)).or_default() += 1;
    }
    counted
}

/// EC2, EKS and IAM spell the parameter in these ways.
fn is_further_page(call: &Call) -> bool {
    ["NextToken", "nextToken", "Marker"].iter().any(|name| call.param(name).is_some_and(|token| !token.is_empty()))
}
