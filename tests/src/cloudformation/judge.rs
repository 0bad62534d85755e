//! What an answer may do to its stack, beyond its form.

use super::{
    request::Kind,
    stack::{Stack, Waiting},
};
use crate::lambda::Answer;

impl Stack {
    /// Notes what an answer breaks. Its form is judged where it arrives.
    pub(super) fn judge(&mut self, waiting: &Waiting, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        let (logical_id, id) = (&waiting.logical_id, &answer.physical_resource_id);
        let mut wrong = Vec::new();
        // A FAILED Update with another id makes CloudFormation delete that one: https://github.com/aws/aws-cdk/issues/30012
        let may_change = match waiting.kind {
            Kind::Create => true,
            Kind::Update => answer.succeeded(),
            Kind::Delete => false,
        };
        if let Some(sent) = waiting.physical_id.as_ref().filter(|sent| !may_change && *sent != id) {
            wrong.push(format!(
                "{logical_id}: a {:?} of {sent} was answered {} with the id {id}",
                waiting.kind, answer.status
            ));
        }
        // GetAtt reads the latest answer: what is not in it breaks every reference to it.
        // https://github.com/aws/aws-cdk/issues/29949
        let held = self.resources.get(logical_id).map(|held| held.attributes.as_slice()).unwrap_or_default();
        if waiting.kind == Kind::Update && answer.succeeded() {
            let gone: Vec<_> = held.iter().filter(|name| !answer.data.contains_key(*name)).cloned().collect();
            if !gone.is_empty() {
                wrong.push(format!("{logical_id}: an Update's answer lacks the attributes {}", gone.join(", ")));
            }
        }
        self.wrong.extend(wrong);
    }
}
