//! What a rollback may leave otherwise than it was before the operation.

use std::collections::BTreeSet;

use local_cloud::world::World;
use serde_json::{Value, json};

use super::super::{
    judge::PREFIX,
    map::{Map, entries},
};

/// Something that one generation asks for on an object and another may not: the kind, and a tag's key or a policy's ARN.
type Extra = (&'static str, String);

/// What generations that were undone without an Update left on objects which another has too.
///
/// No generation that stands asks for it, so that no Update knows of it, until one's old or new properties name it again:
/// that one takes it away, though it is rolled back.
#[derive(Debug, Default)]
pub(super) struct LeftBehind(BTreeSet<(String, Extra)>);

impl LeftBehind {
    /// Notes what an operation has brought, by what stood before it and stands after it.
    pub(super) fn add(&mut self, before: &World, after: &World) {
        for name in objects(before).filter(|name| after.get(name).is_some()) {
            let brought = &extras(&after.json(name)) - &extras(&before.json(name));
            self.0.extend(brought.into_iter().map(|extra| (name.to_owned(), extra)));
        }
    }

    /// Forgets what is there no more.
    pub(super) fn prune(&mut self, world: &World) {
        self.0.retain(|(name, extra)| world.get(name).is_some() && extras(&world.json(name)).contains(extra));
    }

    /// What stood before an operation, as a rollback may have left it: without what somebody took away that was left
    /// behind earlier, and with the entries of aws-auth in another order, since one of ours that went and came again
    /// stands elsewhere among those of others.
    pub(super) fn as_before(&self, before: &World, after: &World) -> World {
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
        let is_moved = sorted_entries(before) == sorted_entries(after);
        if is_moved { expected.with_map_roles_of(after) } else { expected }
    }
}

/// The names of roles, profiles, and all else that carries tags beside other things.
fn objects(world: &World) -> impl Iterator<Item = &str> {
    world.names().filter(|name| !["aws-auth/", "subnet-", "sg-"].iter().any(|prefix| name.starts_with(prefix)))
}

/// All that only some generations ask for on an object. Its marks are each generation's own.
fn extras(object: &Value) -> BTreeSet<Extra> {
    let tags = object["tags"].as_object().into_iter().flatten().map(|(key, _)| ("tags", key.clone()));
    let attached = object["attached"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let attached = attached.map(|arn| ("attached", arn.to_owned()));
    let boundary = object["boundary"].as_str().map(|arn| ("boundary", arn.to_owned()));
    tags.filter(|(_, key)| !key.starts_with(PREFIX)).chain(attached).chain(boundary).collect()
}

/// The entries of mapRoles, whatever their order.
fn sorted_entries(world: &World) -> Vec<String> {
    let map = Map::in_world(world).unwrap_or_default();
    let mut entries: Vec<_> = entries(map.map_roles()).iter().map(ToString::to_string).collect();
    entries.sort();
    entries
}
