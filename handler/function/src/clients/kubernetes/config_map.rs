//! The ConfigMap as an object of the Kubernetes API, and as the data that a plan uses.

use k8s_openapi::api::core::v1::ConfigMap;
use karpenter_prereqs_core::observed;

/// The key of the ConfigMap that maps IAM roles.
const MAP_ROLES: &str = "mapRoles";

/// The ConfigMap as it was read. It has the version, so that a write does not overwrite a change of another writer.
#[derive(Debug)]
pub(crate) struct Read {
    pub(super) object: ConfigMap,
}

impl Read {
    /// Returns the data that an edit depends on.
    pub(crate) fn observed(&self) -> observed::ConfigMap {
        let (metadata, data) = (&self.object.metadata, self.object.data.as_ref());
        observed::ConfigMap {
            map_roles: data.and_then(|data| data.get(MAP_ROLES)).cloned(),
            annotations: metadata.annotations.clone().unwrap_or_default(),
            has_more: data.is_some_and(|data| data.keys().any(|key| key != MAP_ROLES))
                || self.object.binary_data.as_ref().is_some_and(|data| !data.is_empty())
                || metadata.labels.as_ref().is_some_and(|labels| !labels.is_empty())
                || metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
                || metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty()),
        }
    }
}

/// Sets mapRoles and the annotations of the object. Everything else in the object stays.
pub(super) fn set_content(object: &mut ConfigMap, wanted: &observed::ConfigMap) {
    let mut data = object.data.take().unwrap_or_default();
    data.remove(MAP_ROLES);
    data.extend(wanted.map_roles.clone().map(|text| (MAP_ROLES.to_owned(), text)));
    object.data = (!data.is_empty()).then_some(data);
    object.metadata.annotations = (!wanted.annotations.is_empty()).then(|| wanted.annotations.clone());
}
