//! The ConfigMap as an object of the Kubernetes API, and as the data that a plan uses.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use karpenter_prereqs_core::observed;
use serde_json::json;
use std::sync::Arc;

/// The key of the ConfigMap that maps IAM roles.
const MAP_ROLES: &str = "mapRoles";

/// The name of the function in `metadata.managedFields`. The API server takes it from the user agent, up to the slash.
pub(super) const FIELD_MANAGER: &str = "karpenter-prereqs";

/// The ConfigMap as it was read. It has the version, so that a write does not overwrite a change of another writer.
#[derive(Debug)]
pub(crate) struct Read {
    /// The object without `mapRoles`, which can have a megabyte and is in `observed`.
    pub(super) object: ConfigMap,
    observed: Arc<observed::ConfigMap>,
}

impl Read {
    pub(super) fn new(mut object: ConfigMap) -> Self {
        let map_roles = object.data.as_mut().and_then(|data| data.remove(MAP_ROLES));
        let (metadata, data) = (&object.metadata, object.data.as_ref());
        let observed = Arc::new(observed::ConfigMap {
            map_roles,
            annotations: metadata.annotations.clone().unwrap_or_default(),
            has_more: data.is_some_and(|data| !data.is_empty())
                || object.binary_data.as_ref().is_some_and(|data| !data.is_empty())
                || metadata.labels.as_ref().is_some_and(|labels| !labels.is_empty())
                || metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
                || metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty()),
            is_field_manager: metadata.managed_fields.iter().flatten().any(is_of_function),
        });
        Self { object, observed }
    }

    /// Returns the data that an edit depends on.
    pub(crate) fn observed(&self) -> &Arc<observed::ConfigMap> {
        &self.observed
    }

    /// Returns the object with other content. Everything else in it stays, also the version.
    pub(super) fn with_content(&self, wanted: &observed::ConfigMap) -> ConfigMap {
        let mut object = self.object.clone();
        if !wanted.is_field_manager {
            release_fields(object.metadata.managed_fields.get_or_insert_default());
        }
        set_content(&mut object, wanted);
        object
    }
}

/// Returns whether an entry of `managedFields` is the function's, and has fields that others may want to change.
fn is_of_function(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref().map(|FieldsV1(fields)| fields);
    let has = |pointer: &str| fields.is_some_and(|fields| fields.pointer(pointer).is_some());
    entry.manager.as_deref() == Some(FIELD_MANAGER) && (has("/f:data/f:mapRoles") || has("/f:metadata/f:annotations"))
}

/// Removes the function's entries. One of them stays without the fields if the list would be empty: with an empty list, the API
/// server counts `before-first-apply` as the owner of every field at the next apply, and the apply conflicts.
fn release_fields(managers: &mut Vec<ManagedFieldsEntry>) {
    let own = managers.iter().find(|entry| is_of_function(entry)).cloned();
    managers.retain(|entry| !is_of_function(entry));
    if let (true, Some(own)) = (managers.is_empty(), own) {
        let fields_v1 = Some(FieldsV1(json!({"f:data": {".": {}}})));
        managers.push(ManagedFieldsEntry { fields_v1, ..own });
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

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn entry(manager: &str, fields: serde_json::Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some("Update".to_owned()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn release_removes_entries_with_fields_and_leaves_no_empty_list() {
        let ours = || entry(FIELD_MANAGER, json!({"f:data": {"f:mapRoles": {}}}));
        let annotation = entry(FIELD_MANAGER, json!({"f:metadata": {"f:annotations": {".": {}}}}));
        let owner = entry("gitops", json!({"f:data": {"f:mapUsers": {}}}));
        let mut managers = vec![ours(), owner.clone(), annotation];
        release_fields(&mut managers);
        assert_eq!(managers, [owner]);

        let mut managers = vec![ours()];
        release_fields(&mut managers);
        let [rest] = managers.as_slice() else { panic!("{managers:?}") };
        assert!(!is_of_function(rest) && rest.fields_v1.is_some() && rest.operation == ours().operation, "{rest:?}");
        let released = managers.clone();
        release_fields(&mut managers);
        assert_eq!(managers, released);
    }

    #[test]
    fn content_is_replaced_and_everything_else_stays() {
        let object = ConfigMap {
            data: Some([(MAP_ROLES.to_owned(), "old".to_owned()), ("mapUsers".to_owned(), "users".to_owned())].into()),
            immutable: Some(false),
            metadata: ObjectMeta { resource_version: Some("7".to_owned()), ..ObjectMeta::default() },
            ..ConfigMap::default()
        };
        let mut expected = object.clone();
        let read = Read::new(object);
        let wanted = observed::ConfigMap { map_roles: Some("new".to_owned()), ..(**read.observed()).clone() };
        let written = read.with_content(&observed::ConfigMap { is_field_manager: true, ..wanted });
        expected.data.get_or_insert_default().insert(MAP_ROLES.to_owned(), "new".to_owned());
        assert_eq!(written, expected);
        assert_eq!(read.with_content(&observed::ConfigMap::default()).data.unwrap().len(), 1);
    }
}
