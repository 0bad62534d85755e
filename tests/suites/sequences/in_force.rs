//! What the gateway does to calls for a while, and not a moment longer, whatever comes of the run.

use local_cloud::{
    Cloud,
    gateway::{Effect, Hold, Installed, When},
    scenario::{CLUSTER, CrashPoint},
};

use super::op::Fault;

/// Rules that end with this value; calls that wait by them go on then.
pub(super) struct InForce {
    hold: Hold,
    rules: Vec<Installed>,
}

impl InForce {
    /// Calls wait at a door.
    pub(super) fn hold(cloud: &Cloud, when: When, cut: CrashPoint) -> Self {
        let hold = Hold::new();
        let effect = match cut {
            CrashPoint::Before => Effect::HoldBefore(hold.clone()),
            CrashPoint::After => Effect::HoldAfter(hold.clone()),
        };
        Self { hold, rules: vec![cloud.gateway().rules().add(when, effect)] }
    }

    /// A call fails, and the next like it does not.
    pub(super) fn fault(cloud: &Cloud, when: When, fault: Fault) -> Self {
        let effect = match fault {
            Fault::Throttle => Effect::Throttle,
            Fault::Error500 => Effect::Error500,
            Fault::Reset => Effect::Reset,
            Fault::CutAfter => Effect::CutAfter,
        };
        Self { hold: Hold::new(), rules: vec![cloud.gateway().rules().add(when, effect)] }
    }

    /// There is no cluster: EKS knows none, and nobody serves its API.
    pub(super) fn no_cluster(cloud: &Cloud) -> Self {
        let unknown = format!("No cluster found for name: {CLUSTER}.");
        let rules = cloud.gateway().rules();
        let rules = vec![
            rules.add(When::service("eks"), Effect::refuse(404, "ResourceNotFoundException", unknown)),
            rules.add(When::service("kubernetes"), Effect::Reset),
        ];
        Self { hold: Hold::new(), rules }
    }

    /// Waits until a call stands at the door.
    pub(super) async fn reached(&self) {
        self.hold.reached().await;
    }
}

impl Drop for InForce {
    fn drop(&mut self) {
        for rule in self.rules.drain(..) {
            rule.remove();
        }
        self.hold.release();
    }
}
