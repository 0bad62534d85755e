//! The access review: what RBAC allows the caller. It takes the place of a dry run that an admission webhook does not support.

use super::{Kubernetes, NAME, NAMESPACE};
use crate::error::KubernetesError;
use crate::telemetry::event::ACCESS_REVIEW;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use karpenter_prereqs_core::plan::Verb;
use kube::api::{Api, PostParams};

impl Kubernetes {
    /// Checks that RBAC allows the verb on the ConfigMap.
    ///
    /// # Errors
    /// [`KubernetesError::Forbidden`] if RBAC denies it, or the call failed.
    pub(super) async fn review_access(&self, verb: Verb) -> Result<(), KubernetesError> {
        let attributes = ResourceAttributes {
            namespace: Some(NAMESPACE.to_owned()),
            // RBAC cannot restrict a create to a name:
            // https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
            name: (verb != Verb::Create).then(|| NAME.to_owned()),
            resource: Some("configmaps".to_owned()),
            verb: Some(verb.name().to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let reviews = Api::all(self.client.clone());
        let result = self.recorded(ACCESS_REVIEW, reviews.create(&PostParams::default(), &review)).await;
        let reviewed = result.map_err(|error| self.error(verb.name(), error))?;
        if reviewed.status.is_some_and(|status| status.allowed) { Ok(()) } else { Err(self.forbidden(verb.name())) }
    }
}
