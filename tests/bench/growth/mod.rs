//! How the cost grows: with subnets and security groups, with the entries of aws-auth, with node groups.
//!
//! The local cloud takes longer with more as well. So what is told of the function is the time that its process was on
//! a processor, and the time in which none of its calls was under way.

mod edit;
mod node_groups;
mod resources;

use std::{collections::BTreeMap, time::Duration};

use local_cloud::{
    Error,
    gateway::Call,
    lambda::{Event, Function, Resource},
    scenario::CLUSTER,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::edit::Edited;
use crate::{critical, process, programs::Programs, progress, stage::Stage, statistics::Spread};

/// What there is more and more of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Axis {
    /// Subnets, and as many security groups, given as properties.
    Resources,
    /// Entries in aws-auth before ours.
    Entries,
    /// Node groups, each with a launch template and a security group of its own.
    NodeGroups,
}

/// What a Create came to at one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Point {
    /// Along which.
    pub(crate) axis: Axis,
    /// How many.
    pub(crate) size: usize,
    /// The time on a processor, in milliseconds.
    pub(crate) processor_ms: Spread,
    /// The time in which no call was under way, in milliseconds.
    pub(crate) between_ms: Spread,
    /// All of the time, that of the local cloud in it, in milliseconds.
    pub(crate) wall_ms: Spread,
    /// The most memory, in bytes.
    pub(crate) peak: u64,
    /// How often each operation was called.
    pub(crate) calls: BTreeMap<String, usize>,
    /// How many resources each call of EC2's `CreateTags` took.
    pub(crate) batches: Vec<usize>,
    /// How many calls asked for a further page.
    pub(crate) pages: usize,
}

/// All of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Growth {
    /// What Creates came to.
    pub(crate) points: Vec<Point>,
    /// The edit of aws-auth alone.
    pub(crate) edits: Vec<Edited>,
}

/// The sizes along each axis. The first is what the cost of the others is counted from.
pub(crate) const SIZES: [(Axis, &[usize]); 3] =
    [(Axis::Resources, &[1, 10, 100, 1000]), (Axis::Entries, &[1, 10, 500, 5000]), (Axis::NodeGroups, &[2, 10, 100])];

/// How long one invocation may take.
const LIMIT: Duration = Duration::from_mins(10);

/// Measures a Create at each size, so many times, and deletes it again each time.
///
/// # Errors
/// When one fails.
pub(crate) async fn measure(stage: &Stage, programs: &Programs, runs: usize) -> Result<Growth, Error> {
    let edits = edit::measure(programs).await?;
    progress("growth: the edit alone is measured");
    let mut points = Vec::new();
    for (axis, sizes) in SIZES {
        let mut grown = match axis {
            Axis::Resources => Grown::Resources(resources::Resources::new(stage).await?),
            Axis::Entries => Grown::Entries,
            Axis::NodeGroups => Grown::NodeGroups(node_groups::NodeGroups::new(stage)),
        };
        for &size in sizes {
            let properties = grown.to(stage, size).await?;
            let point = point(stage, programs, (axis, size), &properties, runs).await?;
            let (median, wall) = (point.processor_ms.median, point.wall_ms.median);
            progress(&format!("growth: {axis:?} {size}: {median:.0} ms on a processor, {wall:.0} ms in all"));
            points.push(point);
        }
    }
    Ok(Growth { points, edits })
}

/// The account, as far as it has grown.
enum Grown {
    Resources(resources::Resources),
    Entries,
    NodeGroups(node_groups::NodeGroups),
}

impl Grown {
    /// Makes there be as many; gives the properties that lead there.
    async fn to(&mut self, stage: &Stage, size: usize) -> Result<Value, Error> {
        match self {
            Self::Resources(resources) => resources.to(size).await,
            Self::NodeGroups(groups) => {
                groups.to(stage, size).await?;
                Ok(json!({"ClusterName": CLUSTER, "NodeAccess": "None"}))
            }
            Self::Entries => {
                stage.cluster.control_plane().set_aws_auth(&entries(size)).await?;
                Ok(json!({"ClusterName": CLUSTER}))
            }
        }
    }
}

/// A mapRoles of so many entries.
fn entries(count: usize) -> String {
    let entry = |number| {
        format!(
            "- rolearn: arn:aws:iam::111122223333:role/team-{number}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups:\n    - system:bootstrappers\n    - system:nodes\n"
        )
    };
    (0..count).map(entry).collect()
}

async fn point(
    stage: &Stage,
    programs: &Programs,
    (axis, size): (Axis, usize),
    properties: &Value,
    runs: usize,
) -> Result<Point, Error> {
    let mut seen = Vec::new();
    let (mut peak, mut calls) = (0, Vec::new());
    for _ in 0..runs {
        let mut function = Function::start(stage.function_options(programs.function.clone()).await?).await?;
        let process = function.process_id().ok_or_else(|| Error::Unusable("the function is gone".to_owned()))?;
        let resource =
            Resource::new(stage.cloud.account(), stage.cloud.region(), "bench", "Prereqs").service_timeout(600);
        let (before, mark) = (process::time(process)?, stage.cloud.gateway().journal().mark());
        let (id, wall) = served(stage, &mut function, &resource.create(properties)).await?;
        let processor = process::time(process)?.saturating_sub(before);
        calls = stage.cloud.gateway().journal().since(mark);
        peak = peak.max(process::memory(process)?.peak);
        seen.push((processor, wall.saturating_sub(critical::under_way(&calls)), wall));
        served(stage, &mut function, &resource.delete(&id, properties)).await?;
    }
    let spread = |value: fn(&(Duration, Duration, Duration)) -> Duration| {
        let spread = Spread::of(seen.iter().map(|seen| value(seen).as_secs_f64() * 1e3));
        spread.ok_or_else(|| Error::Unusable("no run was asked for".to_owned()))
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

/// Delivers an event; gives the physical id, and how long it took.
async fn served(stage: &Stage, function: &mut Function, event: &Event) -> Result<(String, Duration), Error> {
    let url = stage.answers.expect(event.ids());
    let invocation = function.invoke(&event.answered_at(&url), LIMIT).await?;
    let answer = stage.answers.take(&url, Duration::from_secs(1)).await;
    let answer = answer.map_err(|error| Error::Unusable(format!("{error}; the log:\n{}", invocation.log_text())))?;
    if answer.succeeded() {
        return Ok((answer.physical_resource_id, invocation.duration));
    }
    let reason = answer.reason.unwrap_or_default();
    Err(Error::Unusable(format!("{reason}; the log:\n{}", invocation.log_text())))
}

fn counted(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for call in calls {
        *counted.entry(format!("{} {}", call.service, call.operation)).or_default() += 1;
    }
    counted
}

/// As the services spell it: EC2, EKS, IAM.
fn is_further_page(call: &Call) -> bool {
    ["NextToken", "nextToken", "Marker"].iter().any(|name| call.param(name).is_some_and(|token| !token.is_empty()))
}
