//! The random sequences of operations. An operation selects its object from those that exist when it runs, so that a sequence
//! is still valid after proptest has shortened it.

use local_cloud::{lambda::Behaviour, scenario::CrashPoint};
use proptest::{
    option::weighted,
    prelude::*,
    sample::{Index, select},
};
use std::{fmt, time::Duration};

use super::{
    properties::{DesiredProperties, desired_properties},
    third_party::{AWS_AUTHS, AwsAuthEdit, PlantedTags, TagEdit},
};

/// The number of subnets and security groups of the cluster.
const TAGGED: usize = 7;

/// The sequence of one seed.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is generated independently")]
pub(super) struct Sequence {
    /// Whether each of the two resources has a stack of its own.
    pub(super) two_stacks: bool,
    /// Whether CloudFormation undoes a replacement only with a Delete of the new id, without an Update back.
    pub(super) delete_new: bool,
    /// Whether all events of a kind have the same `RequestId`.
    pub(super) reuses_request_ids: bool,
    /// Whether the function logs at TRACE. The engine searches the log for secrets.
    pub(super) log_at_trace: bool,
    /// Whether a resource may ask for the names of the other.
    pub(super) shares_names: bool,
    /// The text of aws-auth, as an index of [`AWS_AUTHS`].
    pub(super) aws_auth: usize,
    /// Tags of others on the subnets and security groups.
    pub(super) tags: Vec<PlantedTags>,
    /// The operations.
    pub(super) ops: Vec<Op>,
}

/// One operation on a stack, or one action of a third party.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "most are the largest")]
pub(super) enum Op {
    /// The stack is created or updated with a new template.
    Change { second: bool, changes: [TemplateChange; 2], mode: DeliveryMode },
    /// The stack is deleted.
    Delete { second: bool, mode: DeliveryMode },
    /// An earlier event is delivered once more, long after its response. If `harmful`, it is a Delete of an id that exists again,
    /// if there is one, because such an event could do the most harm.
    LateDuplicate { which: Index, harmful: bool, copies: usize, by_sns: bool },
    /// A third party edits aws-auth.
    EditAwsAuth(AwsAuthEdit),
    /// A third party adds a tag to a subnet, a security group or a role, or removes it.
    Tag(TagEdit),
    /// The cluster is deleted, or created again if it is deleted.
    Cluster,
}

/// The properties of one resource in a new template.
#[derive(Clone, Debug)]
pub(super) enum TemplateChange {
    /// The same as in the old template.
    Keep,
    /// These properties.
    Set(Box<DesiredProperties>),
    /// Those of an earlier template that differs from the old one, if there is one.
    Back(Index),
    /// The template does not have the resource.
    Remove,
}

/// How the events of an operation are delivered, and what happens in between.
#[derive(Clone, Debug)]
pub(super) enum DeliveryMode {
    /// Each event once, all at the same time.
    Plain,
    /// The last of the operation's first events has several copies, uses SNS, or has a response URL that fails at first.
    Delivered { copies: usize, by_sns: bool, script: Vec<Behaviour> },
    /// The process is killed at the `nth` write of the last of the first events.
    PowerCut { nth: usize, cut: CrashPoint },
    /// The `nth` call of the operation fails, and its retry succeeds.
    Fault { nth: usize, fault: Fault },
    /// The operation is cancelled while its `nth` call is in progress.
    Cancelled { nth: usize, cut: CrashPoint, overlap: Overlap },
    /// A resource of another type in the stack fails after the responses of these resources. With `straggler`, the rollback's
    /// last event is delivered twice, and one delivery is held at a call until the stack is at rest.
    NativeFails { straggler: Option<(usize, CrashPoint)> },
    /// An event is delivered twice, and one delivery is held at its `nth` call until the stack is at rest.
    Straggler { nth: usize, cut: CrashPoint },
}

/// A transient fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Throttle,
    Error500,
    Reset,
    /// The service carries out the call, but its response is lost.
    CutAfter,
}

/// How the event of a cancelled operation overlaps with the rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    /// The event continues when the rollback is complete.
    After,
    /// Both run at the same time.
    SideBySide,
    /// The event's process is killed, and the event is delivered again when the rollback is complete.
    Killed,
    /// The event's process is killed, and the event is not delivered again.
    Lost,
}

/// Returns the strategy that generates sequences.
pub(super) fn sequences() -> impl Strategy<Value = Sequence> {
    let settings = (
        any::<bool>(),
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.3),
        0..AWS_AUTHS.len(),
        prop::collection::vec(planted_tags(), TAGGED),
    );
    (settings, prop::collection::vec(op(), 4..24)).prop_map(|(settings, ops)| {
        let (two_stacks, delete_new, reuses_request_ids, log_at_trace, shares_names, aws_auth, tags) = settings;
        Sequence { two_stacks, delete_new, reuses_request_ids, log_at_trace, shares_names, aws_auth, tags, ops }
    })
}

fn planted_tags() -> impl Strategy<Value = PlantedTags> {
    prop_oneof![
        18 => Just(PlantedTags::None),
        3 => Just(PlantedTags::SameDiscovery),
        2 => Just(PlantedTags::OtherTags),
        1 => Just(PlantedTags::OtherCluster),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let change = (any::<bool>(), [template_change(), template_change()], delivery_mode())
        .prop_map(|(second, changes, mode)| Op::Change { second, changes, mode });
    let delete = (any::<bool>(), delivery_mode()).prop_map(|(second, mode)| Op::Delete { second, mode });
    let late = (any::<Index>(), prop::bool::weighted(0.8), 1..3_usize, prop::bool::weighted(0.2));
    let late = late.prop_map(|(which, harmful, copies, by_sns)| Op::LateDuplicate { which, harmful, copies, by_sns });
    prop_oneof![
        12 => change,
        2 => delete,
        5 => late,
        2 => select(AwsAuthEdit::ALL).prop_map(Op::EditAwsAuth),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(place, removes)| Op::Tag(TagEdit { place, removes })),
        1 => Just(Op::Cluster),
    ]
}

fn template_change() -> impl Strategy<Value = TemplateChange> {
    prop_oneof![
        2 => Just(TemplateChange::Keep),
        6 => desired_properties().prop_map(|properties| TemplateChange::Set(Box::new(properties))),
        6 => any::<Index>().prop_map(TemplateChange::Back),
        1 => Just(TemplateChange::Remove),
    ]
}

fn delivery_mode() -> impl Strategy<Value = DeliveryMode> {
    let cut = || select(&[CrashPoint::Before, CrashPoint::After][..]);
    let script = prop::collection::vec(select(&SCRIPT[..]), 0..3);
    let overlap = select(&[Overlap::After, Overlap::SideBySide, Overlap::Killed, Overlap::Lost][..]);
    let fault = select(&[Fault::Throttle, Fault::Error500, Fault::Reset, Fault::CutAfter][..]);
    prop_oneof![
        4 => Just(DeliveryMode::Plain),
        4 => (1..4_usize, prop::bool::weighted(0.3), script)
            .prop_map(|(copies, by_sns, script)| DeliveryMode::Delivered { copies, by_sns, script }),
        2 => (1..16_usize, cut()).prop_map(|(nth, cut)| DeliveryMode::PowerCut { nth, cut }),
        2 => (1..70_usize, fault).prop_map(|(nth, fault)| DeliveryMode::Fault { nth, fault }),
        4 => (1..70_usize, cut(), overlap)
            .prop_map(|(nth, cut, overlap)| DeliveryMode::Cancelled { nth, cut, overlap }),
        3 => weighted(0.4, (1..70_usize, cut())).prop_map(|straggler| DeliveryMode::NativeFails { straggler }),
        2 => (1..70_usize, cut()).prop_map(|(nth, cut)| DeliveryMode::Straggler { nth, cut }),
    ]
}

/// What the response URL can do with the first PUTs.
const SCRIPT: [Behaviour; 5] = [
    Behaviour::Status(403),
    Behaviour::Status(503),
    Behaviour::Reset,
    Behaviour::AcceptThenReset,
    Behaviour::Slow(Duration::from_millis(700)),
];

/// Returns a strategy for one of the values in `all`, or for `None`. `weight` is the probability of a value.
pub(super) fn sometimes<T: Clone + fmt::Debug + 'static>(
    weight: f64,
    all: &'static [T],
) -> impl Strategy<Value = Option<T>> {
    weighted(weight, select(all))
}

/// Displays the settings of a sequence, without its operations.
pub(super) struct Settings<'a>(pub(super) &'a Sequence);

impl fmt::Display for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sequence { two_stacks, delete_new, reuses_request_ids, log_at_trace, shares_names, aws_auth, tags, .. } =
            self.0;
        let stacks = if *two_stacks { "A and B in two stacks" } else { "A and B in one stack" };
        let rollback = if *delete_new { "replacements undone without an Update" } else { "undone by an Update" };
        writeln!(f, "{stacks}, {rollback}, RequestIds used again: {reuses_request_ids}, names shared: {shares_names}")?;
        write!(f, "log at TRACE: {log_at_trace}, aws-auth: text {aws_auth}, tags of others: {tags:?}")
    }
}
