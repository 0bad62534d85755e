//! Checks how a response changes its stack. The form of a response is checked elsewhere.

use super::{
    request::Kind,
    stack::{Stack, Waiting},
};
use crate::lambda::CfnResponse;

impl Stack {
    /// Records the rules that a response violates. Its form is checked when it arrives.
    pub(super) fn judge(&mut self, waiting: &Waiting, response: Option<&CfnResponse>) {
        let Some(response) = response else { return };
        let (logical_id, id) = (&waiting.logical_id, &response.physical_resource_id);
        let mut violations = Vec::new();
        // A FAILED Update with another id makes CloudFormation delete this id: https://github.com/aws/aws-cdk/issues/30012
        let may_change = match waiting.kind {
            Kind::Create => true,
            Kind::Update => response.succeeded(),
            Kind::Delete => false,
        };
        if let Some(sent) = waiting.physical_id.as_ref().filter(|sent| !may_change && *sent != id) {
            violations.push(format!(
                "{logical_id}: the response to a {:?} of {sent} is {} with the id {id}",
                waiting.kind, response.status
            ));
        }
        // GetAtt reads the latest response. A missing attribute breaks every reference to it.
        // https://github.com/aws/aws-cdk/issues/29949
        let attributes = self.resources.get(logical_id).map(|state| state.attributes.as_slice()).unwrap_or_default();
        if waiting.kind == Kind::Update && response.succeeded() {
            let missing: Vec<_> =
                attributes.iter().filter(|name| !response.data.contains_key(*name)).cloned().collect();
            if !missing.is_empty() {
                violations.push(format!(
                    "{logical_id}: the response to an Update lacks the attributes {}",
                    missing.join(", ")
                ));
            }
        }
        self.violations.extend(violations);
    }
}
