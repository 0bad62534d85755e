//! The ConfigMap as an object of the API, and as the plan sees it.

use k8s_openapi::api::core::v1::ConfigMap;
use karpenter_prereqs_core::observed;

/// Its key that maps roles.
const MAP_ROLES: &str = "mapRoles";

/// The ConfigMap as it was read, for a write that must not go over anybody else's.
#[derive(Debug)]
pub(crate) struct Read {
    pub(super) object: ConfigMap,
}

impl Read {
    /// What the edit depends on.
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

/// Brings the object's text and annotations to what is wanted.
pub(super) fn put(object: &mut ConfigMap, wanted: &observed::ConfigMap) {
    let mut data = object.data.take().unwrap_or_default();
    data.remove(MAP_ROLES);
    data.extend(wanted.map_roles.clone().map(|text| (MAP_ROLES.to_owned(), text)));
    object.data = (!data.is_empty()).then_some(data);
    object.metadata.annotations = (!wanted.annotations.is_empty()).then(|| wanted.annotations.clone());
}
