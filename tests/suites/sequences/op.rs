//! What is tried: sequences of operations, each of which finds its object in the state that it meets, so that a
//! shorter sequence is still one.

use local_cloud::{lambda::Behaviour, scenario::CrashPoint};
use proptest::{
    option::weighted,
    prelude::*,
    sample::{Index, select},
};
use std::{fmt, time::Duration};

use super::{
    foreign::{AWS_AUTHS, MapEdit, Planted, TagEdit},
    wanted::{Wanted, wanted},
};

/// Subnets and security groups of the cluster.
const TAGGED: usize = 7;

/// One seed.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub(super) struct Sequence {
    /// Whether the two resources are in a stack each.
    pub(super) two_stacks: bool,
    /// Whether a replacement is undone without an Update.
    pub(super) delete_new: bool,
    /// Whether one `RequestId` serves all events of a kind.
    pub(super) reuses_request_ids: bool,
    /// Whether the function logs all that it can: then the secrets are looked for in it.
    pub(super) trace: bool,
    /// Whether the resources may ask for each other's names.
    pub(super) shares_names: bool,
    /// What stands in aws-auth, by its place among [`AWS_AUTHS`].
    pub(super) aws_auth: usize,
    /// What others have put on the subnets and groups.
    pub(super) tags: Vec<Planted>,
    /// What happens.
    pub(super) ops: Vec<Op>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "most are the largest")]
pub(super) enum Op {
    /// The stack is created, or updated, to templates that ask this of its resources.
    Change { second: bool, to: [To; 2], way: Way },
    /// The stack is deleted.
    Delete { second: bool, way: Way },
    /// An event is delivered once more, long after it was answered: any, or one of those that could do most harm, the
    /// Deletes of what stands again.
    Late { which: Index, harmful: bool, copies: usize, by_sns: bool },
    /// Somebody edits aws-auth.
    EditMap(MapEdit),
    /// Somebody tags a subnet, a group or a role, or takes such a tag away.
    Tag(TagEdit),
    /// The cluster is deleted; or made again, when it is gone.
    Cluster,
}

/// What the new template asks of one resource.
#[derive(Clone, Debug)]
pub(super) enum To {
    /// What the old one does.
    Keep,
    /// This.
    Wanted(Box<Wanted>),
    /// What some earlier template did, another than the old one's if there is one.
    Back(Index),
    /// That there be none.
    Gone,
}

/// How the events of an operation are delivered, and what comes between.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Each once, side by side.
    Plain,
    /// The last of the first ones so.
    Delivered { copies: usize, by_sns: bool, script: Vec<Behaviour> },
    /// The power fails at the `nth` write of the last of the first ones.
    PowerCut { nth: usize, cut: CrashPoint },
    /// The `nth` call of all fails, and time heals it.
    Fault { nth: usize, fault: Fault },
    /// The operation is cancelled while the `nth` call of all is under way.
    Cancelled { nth: usize, cut: CrashPoint, overlap: Overlap },
    /// Something else in the stack fails, after all of ours have answered. Perhaps the rollback's last event is
    /// delivered twice, and one of the two held up at a call until the stack has come to rest.
    NativeFails { straggler: Option<(usize, CrashPoint)> },
    /// Of two deliveries of one event, one is held up at its `nth` call until the stack has come to rest.
    Straggler { nth: usize, cut: CrashPoint },
}

/// A fault that goes by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Throttle,
    Error500,
    Reset,
    /// Carried out, and never answered.
    CutAfter,
}

/// How a cancelled operation's event and its rollback overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    /// The event goes on when the rollback is over.
    After,
    /// Both run at once.
    SideBySide,
    /// The event's process is killed, and the event delivered again when the rollback is over.
    Killed,
    /// The event's process is killed, and the event never delivered again.
    Lost,
}

/// All seeds' sequences.
pub(super) fn sequences() -> impl Strategy<Value = Sequence> {
    let settings = (
        any::<bool>(),
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.3),
        0..AWS_AUTHS.len(),
        prop::collection::vec(planted(), TAGGED),
    );
    (settings, prop::collection::vec(op(), 4..24)).prop_map(|(settings, ops)| {
        let (two_stacks, delete_new, reuses_request_ids, trace, shares_names, aws_auth, tags) = settings;
        Sequence { two_stacks, delete_new, reuses_request_ids, trace, shares_names, aws_auth, tags, ops }
    })
}

fn planted() -> impl Strategy<Value = Planted> {
    prop_oneof![
        18 => Just(Planted::None),
        3 => Just(Planted::SameDiscovery),
        2 => Just(Planted::OtherTags),
        1 => Just(Planted::OtherCluster),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let change = (any::<bool>(), [to(), to()], way()).prop_map(|(second, to, way)| Op::Change { second, to, way });
    let delete = (any::<bool>(), way()).prop_map(|(second, way)| Op::Delete { second, way });
    let late = (any::<Index>(), prop::bool::weighted(0.8), 1..3_usize, prop::bool::weighted(0.2));
    let late = late.prop_map(|(which, harmful, copies, by_sns)| Op::Late { which, harmful, copies, by_sns });
    prop_oneof![
        12 => change,
        2 => delete,
        5 => late,
        2 => select(MapEdit::ALL).prop_map(Op::EditMap),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(place, off)| Op::Tag(TagEdit { place, off })),
        1 => Just(Op::Cluster),
    ]
}

fn to() -> impl Strategy<Value = To> {
    prop_oneof![
        2 => Just(To::Keep),
        6 => wanted().prop_map(|wanted| To::Wanted(Box::new(wanted))),
        6 => any::<Index>().prop_map(To::Back),
        1 => Just(To::Gone),
    ]
}

fn way() -> impl Strategy<Value = Way> {
    let cut = || select(&[CrashPoint::Before, CrashPoint::After][..]);
    let script = prop::collection::vec(select(&SCRIPT[..]), 0..3);
    let overlap = select(&[Overlap::After, Overlap::SideBySide, Overlap::Killed, Overlap::Lost][..]);
    let fault = select(&[Fault::Throttle, Fault::Error500, Fault::Reset, Fault::CutAfter][..]);
    prop_oneof![
        4 => Just(Way::Plain),
        4 => (1..4_usize, prop::bool::weighted(0.3), script)
            .prop_map(|(copies, by_sns, script)| Way::Delivered { copies, by_sns, script }),
        2 => (1..16_usize, cut()).prop_map(|(nth, cut)| Way::PowerCut { nth, cut }),
        2 => (1..70_usize, fault).prop_map(|(nth, fault)| Way::Fault { nth, fault }),
        4 => (1..70_usize, cut(), overlap).prop_map(|(nth, cut, overlap)| Way::Cancelled { nth, cut, overlap }),
        3 => weighted(0.4, (1..70_usize, cut())).prop_map(|straggler| Way::NativeFails { straggler }),
        2 => (1..70_usize, cut()).prop_map(|(nth, cut)| Way::Straggler { nth, cut }),
    ]
}

/// What the answer's URL does at first.
const SCRIPT: [Behaviour; 5] = [
    Behaviour::Status(403),
    Behaviour::Status(503),
    Behaviour::Reset,
    Behaviour::AcceptThenReset,
    Behaviour::Slow(Duration::from_millis(700)),
];

/// One of a list, now and then.
pub(super) fn sometimes<T: Clone + fmt::Debug + 'static>(
    weight: f64,
    all: &'static [T],
) -> impl Strategy<Value = Option<T>> {
    weighted(weight, select(all))
}

/// What a sequence begins with, in words.
pub(super) struct Settings<'a>(pub(super) &'a Sequence);

impl fmt::Display for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sequence { two_stacks, delete_new, reuses_request_ids, trace, shares_names, aws_auth, tags, .. } = self.0;
        let stacks = if *two_stacks { "A and B in a stack each" } else { "A and B in one stack" };
        let rollback = if *delete_new { "replacements undone without an Update" } else { "undone by an Update" };
        writeln!(f, "{stacks}, {rollback}, RequestIds used again: {reuses_request_ids}, names shared: {shares_names}")?;
        write!(f, "log at TRACE: {trace}, aws-auth: text {aws_auth}, tags of others: {tags:?}")
    }
}
