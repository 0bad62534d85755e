//! The faults of a sweep, and the function's timeout under each of them.

use std::time::Duration;

use local_cloud::{
    gateway::{Effect, Installed, Rules, When},
    scenario::CrashPoint,
};

use crate::targets::Target;

/// The fault of one call of a run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// The connection is closed before the service gets the call.
    CutBefore,
    /// The connection is closed after the service has performed the call.
    CutAfter,
    /// The service throttles the call once.
    ThrottledOnce,
    /// The service throttles this call and all later ones.
    ThrottledForEver,
    /// The service returns an internal error once.
    Error500Once,
    /// The connection is reset before the service gets the call.
    Reset,
    /// There is no response, to this call and all later ones.
    Hung,
    /// The caller is not permitted to make this call and all later ones.
    Denied,
    /// The process is killed before the service gets the call, and the event is delivered again.
    KilledBefore,
    /// The process is killed after the service has performed the call, and the event is delivered again.
    KilledAfter,
}

/// The function's timeout under a permanent fault. The time that the function reserves for its response, and its settle time,
/// are fractions of the timeout. The timeout is a small multiple of the duration without a fault.
const SHORT: Duration = Duration::from_secs(8);

/// The function's timeout under a transient fault.
const LONG: Duration = Duration::from_mins(1);

impl Fault {
    /// All faults.
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

    /// Returns its name in the id of a case.
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

    /// Returns whether the fault is transient. The operation must then succeed.
    pub const fn is_transient(self) -> bool {
        !matches!(self, Self::ThrottledForEver | Self::Hung | Self::Denied)
    }

    /// Returns the function's timeout.
    pub const fn limit(self) -> Duration {
        if self.is_transient() { LONG } else { SHORT }
    }

    /// Returns where the process is killed; `None` for other faults.
    pub fn crash(self, target: &Target) -> Option<(When, CrashPoint)> {
        match self {
            Self::KilledBefore => Some((target.when().nth(target.nth), CrashPoint::Before)),
            Self::KilledAfter => Some((target.when().nth(target.nth), CrashPoint::After)),
            _ => None,
        }
    }

    /// Adds the rule of the fault; `None` for a killed process, because the delivery kills it.
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
        let when = if self.is_transient() { when.nth(target.nth) } else { when.from_nth(target.nth) };
        Some(rules.add(when, effect))
    }
}
