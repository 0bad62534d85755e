//! Rules of the gateway that end with a scope, also if the run in that scope fails.

use local_cloud::{
    Cloud,
    gateway::{Effect, Hold, Installed, When},
    scenario::{CLUSTER, CrashPoint},
};

use super::op::Fault;

/// Rules that are removed when this value is dropped. Calls that they hold continue then.
pub(super) struct ScopedRules {
    hold: Hold,
    rules: Vec<Installed>,
}

impl ScopedRules {
    /// Holds the calls that match `when`, before or after the service carries them out.
    pub(super) fn hold(cloud: &Cloud, when: When, cut: CrashPoint) -> Self {
        let hold = Hold::new();
        let effect = match cut {
            CrashPoint::Before => Effect::HoldBefore(hold.clone()),
            CrashPoint::After => Effect::HoldAfter(hold.clone()),
        };
        Self { hold, rules: vec![cloud.gateway().rules().add(when, effect)] }
    }

    /// Makes the calls that match `when` fail. With a condition for one call, a retry succeeds.
    pub(super) fn fault(cloud: &Cloud, when: When, fault: Fault) -> Self {
        let effect = match fault {
            Fault::Throttle => Effect::Throttle,
            Fault::Error500 => Effect::Error500,
            Fault::Reset => Effect::Reset,
            Fault::CutAfter => Effect::CutAfter,
        };
        Self { hold: Hold::new(), rules: vec![cloud.gateway().rules().add(when, effect)] }
    }

    /// Simulates that there is no cluster: EKS does not find it, and connections to its API are reset.
    pub(super) fn no_cluster(cloud: &Cloud) -> Self {
        let unknown = format!("No cluster found for name: {CLUSTER}.");
        let rules = cloud.gateway().rules();
        let rules = vec![
            rules.add(When::service("eks"), Effect::refuse(404, "ResourceNotFoundException", unknown)),
            rules.add(When::service("kubernetes"), Effect::Reset),
        ];
        Self { hold: Hold::new(), rules }
    }

    /// Waits until a call is held.
    pub(super) async fn reached(&self) {
        self.hold.reached().await;
    }
}

impl Drop for ScopedRules {
    fn drop(&mut self) {
        for rule in self.rules.drain(..) {
            rule.remove();
        }
        self.hold.release();
    }
}
