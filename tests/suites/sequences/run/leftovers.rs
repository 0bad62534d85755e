//! What a rollback may leave different from the state before the operation.

use std::collections::BTreeSet;

use local_cloud::world::World;
use serde_json::{Value, json};

use super::super::{
    aws_auth_model::{AwsAuthModel, entries},
    judge::PREFIX,
};

/// A part of an object that one generation asks for, and another may not: its kind, and the key of a tag or the ARN of a policy.
type Extra = (&'static str, String);

/// Parts of shared objects that were left by generations that CloudFormation undid without an Update.
///
/// No existing generation asks for them, so no Update removes them. An Update that has them in its old or new properties again
/// removes them, even if that Update is rolled back.
#[derive(Debug, Default)]
pub(super) struct Leftovers(BTreeSet<(String, Extra)>);

impl Leftovers {
    /// Records the parts that an operation added to existing objects.
    pub(super) fn add(&mut self, before: &World, after: &World) {
        for name in objects(before).filter(|name| after.get(name).is_some()) {
            let added = &extras(&after.json(name)) - &extras(&before.json(name));
            self.0.extend(added.into_iter().map(|extra| (name.to_owned(), extra)));
        }
    }

    /// Removes the records of parts that do not exist any more.
    pub(super) fn prune(&mut self, world: &World) {
        self.0.retain(|(name, extra)| world.get(name).is_some() && extras(&world.json(name)).contains(extra));
    }

    /// Returns the state that is expected after a rollback: the state `before` the operation, with two differences.
    ///
    /// - Recorded parts that the operation removed are missing.
    /// - The entries of aws-auth may have another order, because an own entry that was removed and added again is at the end.
    pub(super) fn expected_after_rollback(&self, before: &World, after: &World) -> World {
        let mut expected = before.clone();
        for (name, (kind, what)) in self.0.iter().filter(|(name, _)| after.get(name).is_some()) {
            if !extras(&after.json(name)).contains(&(*kind, what.clone())) {
                let mut object = expected.json(name);
                match object[*kind].take() {
                    Value::Object(mut tags) => {
                        tags.remove(what);
                        object[*kind] = tags.into();
                    }
                    Value::Array(attached) => {
                        object[*kind] = attached.into_iter().filter(|arn| *arn != json!(what)).collect();
                    }
                    _ => {}
                }
                expected = expected.with(name, &object);
            }
        }
        let has_same_entries = sorted_entries(before) == sorted_entries(after);
        if has_same_entries { expected.with_map_roles_of(after) } else { expected }
    }
}

/// Returns the names of objects that have tags and other parts: all except aws-auth, subnets and security groups.
fn objects(world: &World) -> impl Iterator<Item = &str> {
    world.names().filter(|name| !["aws-auth/", "subnet-", "sg-"].iter().any(|prefix| name.starts_with(prefix)))
}

/// Returns the parts of an object that a generation may ask for: tags, attached policies and the boundary. Markers are left out,
/// because they belong to one generation.
fn extras(object: &Value) -> BTreeSet<Extra> {
    let tags = object["tags"].as_object().into_iter().flatten().map(|(key, _)| ("tags", key.clone()));
    let attached = object["attached"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let attached = attached.map(|arn| ("attached", arn.to_owned()));
    let boundary = object["boundary"].as_str().map(|arn| ("boundary", arn.to_owned()));
    tags.filter(|(_, key)| !key.starts_with(PREFIX)).chain(attached).chain(boundary).collect()
}

/// Returns the entries of mapRoles, sorted.
fn sorted_entries(world: &World) -> Vec<String> {
    let map = AwsAuthModel::in_world(world).unwrap_or_default();
    let mut entries: Vec<_> = entries(map.map_roles()).iter().map(ToString::to_string).collect();
    entries.sort();
    entries
}
