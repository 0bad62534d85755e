//! The limits that the deployer of the function sets for the properties of stacks. IAM cannot set them, because no IAM condition
//! covers the content of an inline policy.
//!
//! A template passes the bounds to the function as a JSON object in the environment variable `BOUNDS`. Literal example, from
//! `infra/function.yaml` with its default parameters:
//!
//! ```json
//! {"InterruptionQueueArns":["arn:aws:sqs:eu-west-1:111122223333:Karpenter*"]}
//! ```

use super::problem::Problem;
use crate::desired::spec::Spec;
use crate::documents::policy;
use serde::Deserialize;
use serde_json::Value;
use wildmatch::WildMatch;

/// The bounds of a function, read once from its environment.
///
/// The default has no bounds, for the function of `infra/template.yaml`. It serves one stack, and the parameters of that stack
/// limit it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds(Result<Limits, String>);

/// The JSON object. A key that this version does not know is an error, because the function would not enforce that bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Limits {
    /// The queues to which a controller role may get access. In these ARNs, `*` stands for any text and `?` for any character, as
    /// in IAM. `None`: any queue of the account and Region.
    interruption_queue_arns: Option<Vec<String>>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self(Ok(Limits::default()))
    }
}

impl Bounds {
    /// Reads the value of `BOUNDS`. `None` means no bounds. With an invalid value, nothing can be created or updated, and
    /// [`Bounds::problems`] returns the reason.
    pub fn read(json: Option<&str>) -> Self {
        match json {
            None => Self::default(),
            Some(json) => Self(serde_json::from_str(json).map_err(|error| error.to_string())),
        }
    }

    /// Returns the properties without a queue that is out of bounds, unless the controller's current policy, `granted`, allows
    /// access to it. This is for properties that a rollback or a cancelled Update restores. So restoring them neither fails nor
    /// grants anything.
    #[must_use]
    pub fn without_excess(&self, spec: &Spec, granted: Option<&Value>) -> Spec {
        let mut spec = spec.clone();
        let is_granted = |arn: &String| granted.is_some_and(|document| policy::reads_queue(document, arn));
        if !self.problems(&spec).is_empty() && !spec.interruption_queue_arn.as_ref().is_some_and(is_granted) {
            spec.interruption_queue_arn = None;
        }
        spec
    }

    /// Returns a problem for each property that is out of bounds. If the bounds themselves are invalid, returns that problem
    /// alone.
    pub fn problems(&self, spec: &Spec) -> Vec<Problem> {
        let limits = match &self.0 {
            Ok(limits) => limits,
            Err(why) => return vec![Problem::BoundsUnreadable { why: why.clone() }],
        };
        let queue = spec.interruption_queue_arn.as_ref().zip(limits.interruption_queue_arns.as_ref());
        let outside =
            queue.filter(|(arn, allowed)| !allowed.iter().any(|pattern| WildMatch::new(pattern).matches(arn)));
        let problem = outside.map(|(arn, allowed)| {
            let allowed = if allowed.is_empty() { "no queue".to_owned() } else { allowed.join(", ") };
            Problem::QueueOutOfBounds { arn: arn.clone(), allowed }
        });
        problem.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::aws_names::Scope;
    use crate::plan::objects::controller_policy;
    use crate::request::event::RawProperties;
    use proptest::prelude::*;

    fn spec(queue: Option<&str>) -> Spec {
        let scope = Scope::of_stack("arn:aws:cloudformation:eu-west-1:111122223333:stack/s/0a").unwrap();
        let mut raw = RawProperties::from_iter([("ClusterName".to_owned(), "demo".into())]);
        raw.extend(queue.map(|arn| ("InterruptionQueueArn".to_owned(), arn.into())));
        Spec::new(&raw, &scope).unwrap()
    }

    fn arn(name: &str) -> String {
        format!("arn:aws:sqs:eu-west-1:111122223333:{name}")
    }

    fn bounds(patterns: &[&str]) -> Bounds {
        Bounds::read(Some(&serde_json::json!({"InterruptionQueueArns": patterns}).to_string()))
    }

    #[test]
    fn queue_within_bounds_is_no_problem() {
        let queue = spec(Some(&arn("Karpenter-demo")));
        for bounds in [Bounds::read(None), Bounds::read(Some("{}")), bounds(&["other", &arn("Karpenter*")])] {
            assert_eq!(bounds.problems(&queue), [], "{bounds:?}");
        }
        assert_eq!(bounds(&[]).problems(&spec(None)), []);
    }

    #[test]
    fn queue_outside_bounds_is_a_problem_with_the_bounds() {
        let queue = spec(Some(&arn("payments")));
        for bounds in [bounds(&[]), bounds(&[&arn("Karpenter*"), &arn("demo")])] {
            let problems = bounds.problems(&queue);
            assert!(
                matches!(problems.as_slice(), [Problem::QueueOutOfBounds { arn, .. }] if *arn == self::arn("payments")),
                "{problems:?}"
            );
        }
        let narrow = bounds(&[&arn("demo")]);
        let kept = narrow.without_excess(&queue, None);
        assert_eq!((kept.interruption_queue_arn, kept.cluster_name), (None, queue.cluster_name.clone()));
        let granted = controller_policy(&queue, &[queue.node_role_arn()].into());
        assert_eq!(narrow.without_excess(&queue, Some(&granted)), queue);
        let other = controller_policy(&spec(Some(&arn("demo"))), &[queue.node_role_arn()].into());
        assert_eq!(narrow.without_excess(&queue, Some(&other)).interruption_queue_arn, None);
        assert_eq!(bounds(&[&arn("payments")]).without_excess(&queue, None), queue);
        assert_eq!(Bounds::read(Some("{")).without_excess(&queue, None).interruption_queue_arn, None);
        assert!(bounds(&[&arn("demo")]).problems(&queue)[0].to_string().contains(&arn("demo")));
    }

    #[test]
    fn invalid_bounds_are_a_problem_for_every_spec() {
        for json in ["", "null", "[]", "{", r#"{"InterruptionQueueArns":"a"}"#, r#"{"NodeRoleArns":[]}"#] {
            let problems = Bounds::read(Some(json)).problems(&spec(None));
            assert!(matches!(problems.as_slice(), [Problem::BoundsUnreadable { .. }]), "{json}: {problems:?}");
        }
    }

    proptest! {
        /// A bound without wildcards allows this queue alone, and a bound that ends in `*` allows every queue with the prefix.
        #[test]
        fn bound_allows_its_name_or_prefix(name in "[A-Za-z0-9_-]{1,40}", other in "[A-Za-z0-9_-]{1,40}", cut in 0_usize..40) {
            let queue = spec(Some(&arn(&name)));
            prop_assert_eq!(bounds(&[&arn(&name)]).problems(&queue).len(), 0);
            prop_assert_eq!(bounds(&[&arn(&other)]).problems(&queue).len(), usize::from(name != other));
            let prefix: String = name.chars().take(cut).collect();
            prop_assert_eq!(bounds(&[&arn(&format!("{prefix}*"))]).problems(&queue).len(), 0);
            let other_prefix = format!("{other}*");
            let is_allowed = name.starts_with(&other);
            prop_assert_eq!(bounds(&[&arn(&other_prefix)]).problems(&queue).is_empty(), is_allowed);
        }
    }
}
