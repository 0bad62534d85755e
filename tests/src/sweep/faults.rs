//! What happens to a call, and how long the function has got then.

use std::time::Duration;

use super::targets::Target;
use crate::{
    gateway::{Effect, Installed, Rules, When},
    scenario::Cut,
};

/// What happens to one call of a run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// The connection is closed before the service sees the call.
    CutBefore,
    /// The connection is closed when the service has carried the call out.
    CutAfter,
    /// The service says once that it is asked too often.
    ThrottledOnce,
    /// It says so from then on.
    ThrottledForEver,
    /// The service breaks once.
    Error500Once,
    /// The connection is reset before the service sees the call.
    Reset,
    /// There is no answer, from then on.
    Hung,
    /// The caller may not make the call, from then on.
    Denied,
    /// The process is killed before the service sees the call, and the event is delivered again.
    KilledBefore,
    /// The process is killed when the service has carried the call out, and the event is delivered again.
    KilledAfter,
}

/// The function's time-out under a fault that does not pass. What it keeps back for its answer, and how long it is
/// patient, are fractions of it; so it is what a run without a fault needs several times over, and no more.
const SHORT: Duration = Duration::from_secs(8);

/// Its time-out under a fault that passes.
const LONG: Duration = Duration::from_mins(1);

impl Fault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::CutBefore,
        Self::CutAfter,
        Self::ThrottledOnce,
        Self::ThrottledForEver,
        Self::Error500Once,
        Self::Reset,
        Self::Hung,
        Self::Denied,
        Self::KilledBefore,
        Self::KilledAfter,
    ];

    /// Its name in the id of a case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
            Self::ThrottledOnce => "throttled-once",
            Self::ThrottledForEver => "throttled-for-ever",
            Self::Error500Once => "error-500-once",
            Self::Reset => "reset",
            Self::Hung => "hung",
            Self::Denied => "denied",
            Self::KilledBefore => "killed-before",
            Self::KilledAfter => "killed-after",
        }
    }

    /// Whether it passes, so that it is no reason to fail.
    pub const fn passes(self) -> bool {
        !matches!(self, Self::ThrottledForEver | Self::Hung | Self::Denied)
    }

    /// The function's time-out.
    pub const fn limit(self) -> Duration {
        if self.passes() { LONG } else { SHORT }
    }

    /// Where the process is killed; `None` for a fault of another kind.
    pub fn power_cut(self, target: &Target) -> Option<(When, Cut)> {
        match self {
            Self::KilledBefore => Some((target.when().nth(target.nth), Cut::Before)),
            Self::KilledAfter => Some((target.when().nth(target.nth), Cut::After)),
            _ => None,
        }
    }

    /// Puts the fault in force; `None` for a power cut, which is the delivery's.
    pub fn install(self, rules: &Rules, target: &Target) -> Option<Installed> {
        let effect = match self {
            Self::CutBefore => Effect::CutBefore,
            Self::CutAfter => Effect::CutAfter,
            Self::ThrottledOnce | Self::ThrottledForEver => Effect::Throttle,
            Self::Error500Once => Effect::Error500,
            Self::Reset => Effect::Reset,
            Self::Hung => Effect::Hang,
            Self::Denied => Effect::Deny,
            Self::KilledBefore | Self::KilledAfter => return None,
        };
        let when = target.when();
        let when = if self.passes() { when.nth(target.nth) } else { when.from_nth(target.nth) };
        Some(rules.add(when, effect))
    }
}
