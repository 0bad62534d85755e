//! Checks of AWS that MiniStack lacks: names, tags and policies that do not exist, are too long or too many, and optionally
//! IAM's eventual consistency.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    call::Call,
    limits::{MOST_TAGS, check_call, too_many_tags},
    quotas,
    response::{ErrorResponse, ServiceResponse, element, elements},
    upstream::Upstream,
};

/// The checks of a gateway.
#[derive(Clone, Debug)]
pub struct Strictness {
    /// Rejects `CreateTags` on a subnet or security group that does not exist, more tags than an object may have, and more
    /// objects than IAM's quotas allow. It asks MiniStack before each of these calls.
    pub resources: bool,
    /// Simulates that a new IAM object is unknown to other calls for some time. `None` does not.
    pub consistency: Option<Consistency>,
}

impl Default for Strictness {
    fn default() -> Self {
        Self { resources: true, consistency: None }
    }
}

/// The eventual consistency of IAM. After `CreateRole` or `CreateInstanceProfile`, the next `calls` calls that change the new
/// object fail with `NoSuchEntity`, if they arrive `within` this time.
#[derive(Clone, Copy, Debug)]
pub struct Consistency {
    /// The number of calls that do not find the object.
    pub calls: usize,
    /// The time after which the object is always found.
    pub within: Duration,
}

/// The checks of one gateway, with their state.
#[derive(Debug, Default)]
pub(crate) struct Strict {
    state: Mutex<State>,
}

impl Strict {
    pub(crate) fn set(&self, strictness: Strictness) {
        self.state().strictness = strictness;
    }

    /// Returns the error that AWS would return and MiniStack would not; `None` for a valid call.
    pub(crate) async fn check(&self, call: &Call, upstream: &Upstream) -> Option<ServiceResponse> {
        if let Some(error) = check_call(call).or_else(|| self.not_visible_yet(call)) {
            return Some(error.response(call));
        }
        if !self.state().strictness.resources {
            return None;
        }
        match (call.service.as_str(), call.operation.as_str()) {
            ("ec2", "CreateTags") => self.check_ec2_tags(call, upstream).await,
            ("iam", "AttachRolePolicy" | "AddRoleToInstanceProfile") => {
                let account = self.account(call, upstream).await;
                quotas::check_quotas(&account, call, upstream).await.map(|error| error.response(call))
            }
            ("iam", _) => self.check_iam_tags(call, upstream).await,
            _ => None,
        }
    }

    /// Remembers new objects.
    pub(crate) fn observe(&self, call: &Call, response: &ServiceResponse) {
        if call.service != "iam" || !response.status.is_success() {
            return;
        }
        let mut state = self.state();
        let Some(consistency) = state.strictness.consistency else {
            return;
        };
        let until = Instant::now() + consistency.within;
        if let Some(object) = created(call) {
            state.new_objects.insert(object, NewObject { calls: consistency.calls, until });
        }
    }

    fn not_visible_yet(&self, call: &Call) -> Option<ErrorResponse> {
        if call.service != "iam" || !call.is_write() || created(call).is_some() || deletes(call) {
            return None;
        }
        let mut state = self.state();
        ["RoleName", "InstanceProfileName"].iter().find_map(|kind| {
            let name = call.param(kind)?;
            let object = state.new_objects.get_mut(&(*kind, name.to_owned()))?;
            if object.calls == 0 || object.until < Instant::now() {
                return None;
            }
            object.calls -= 1;
            let message = match *kind {
                "RoleName" => format!("The role with name {name} cannot be found."),
                _ => format!("Instance Profile {name} cannot be found."),
            };
            Some(ErrorResponse::new(404, "NoSuchEntity", message))
        })
    }

    async fn check_ec2_tags(&self, call: &Call, upstream: &Upstream) -> Option<ServiceResponse> {
        let account = self.account(call, upstream).await;
        let ids = call.list("ResourceId");
        for kind in &TAGGED {
            let of_kind = ids.iter().copied().filter(|id| id.starts_with(kind.prefix));
            let form = numbered(kind.describe, kind.param, of_kind);
            if form.len() == 1 {
                continue;
            }
            let described = upstream.ask(&account, call, &form).await?;
            if described.status.is_client_error() {
                let text = described.text();
                let id = ids.iter().find(|id| text.contains(**id))?;
                let message = format!("The {} '{id}' does not exist", kind.noun);
                return Some(ErrorResponse::new(400, kind.code, message).response(call));
            }
        }
        let mut form = numbered("DescribeTags", "Filter.1.Value", ids.iter().copied());
        form.push(owned(("Filter.1.Name", "resource-id")));
        let tags = upstream.ask(&account, call, &form).await?;
        let text = tags.text();
        let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for item in elements(&text, "item") {
            let id = element(item, "resourceId").unwrap_or_default();
            keys.entry(id).or_default().extend(element(item, "key"));
        }
        let full = keys.values_mut().any(|keys| {
            keys.extend(call.tag_keys());
            MOST_TAGS < keys.len()
        });
        full.then(|| {
            let message = "The maximum number of Tags for a resource has been reached.";
            ErrorResponse::new(400, "TagLimitExceeded", message).response(call)
        })
    }

    async fn check_iam_tags(&self, call: &Call, upstream: &Upstream) -> Option<ServiceResponse> {
        let (operation, param, quota) = match call.operation.as_str() {
            "TagRole" => ("ListRoleTags", "RoleName", "TagsPerRole"),
            "TagInstanceProfile" => ("ListInstanceProfileTags", "InstanceProfileName", "TagsPerInstanceProfile"),
            "TagOpenIDConnectProvider" => {
                ("ListOpenIDConnectProviderTags", "OpenIDConnectProviderArn", "TagsPerOpenIdConnectProvider")
            }
            _ => return None,
        };
        let account = self.account(call, upstream).await;
        let form = [("Action", operation), (param, call.param(param)?)];
        let tags = upstream.ask(&account, call, &form.map(owned)).await?;
        let text = tags.text();
        let keys: BTreeSet<&str> = elements(&text, "Key").chain(call.tag_keys()).collect();
        (MOST_TAGS < keys.len()).then(|| too_many_tags(quota).response(call))
    }

    /// Returns the account of the caller, which contains its objects.
    async fn account(&self, call: &Call, upstream: &Upstream) -> String {
        let Some(caller) = &call.caller else {
            return DEFAULT_CALLER.to_owned();
        };
        if let Some(account) = caller.account() {
            return account.to_owned();
        }
        let key = caller.access_key_id.clone();
        if let Some(account) = self.state().accounts.get(&key) {
            return account.clone();
        }
        let form = [("Action", "GetAccessKeyInfo"), ("AccessKeyId", &key)].map(owned);
        let info = upstream.ask(DEFAULT_CALLER, call, &form).await;
        let Some(account) = info.and_then(|info| Some(element(&info.text(), "Account")?.to_owned())) else {
            return DEFAULT_CALLER.to_owned();
        };
        self.state().accounts.insert(key, account.clone());
        account
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    strictness: Strictness,
    /// By the name of the parameter and its value.
    new_objects: BTreeMap<(&'static str, String), NewObject>,
    accounts: BTreeMap<String, String>,
}

#[derive(Debug)]
struct NewObject {
    calls: usize,
    until: Instant,
}

/// Returns a form with a list of values: `Param.1`, `Param.2` …
fn numbered<'a>(action: &str, param: &str, values: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let values = (1..).zip(values).map(|(n, value)| (format!("{param}.{n}"), value.to_owned()));
    std::iter::once(owned(("Action", action))).chain(values).collect()
}

/// Returns the object that a call creates, with the parameter of its name.
fn created(call: &Call) -> Option<(&'static str, String)> {
    let kind = match call.operation.as_str() {
        "CreateRole" => "RoleName",
        "CreateInstanceProfile" => "InstanceProfileName",
        _ => return None,
    };
    Some((kind, call.param(kind)?.to_owned()))
}

/// Deletions find a new object. Otherwise a cleanup would assume that there is nothing to delete.
fn deletes(call: &Call) -> bool {
    ["Delete", "Detach", "Remove", "Untag"].iter().any(|verb| call.operation.starts_with(verb))
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A kind of object of `CreateTags`, and the error of EC2 for an unknown id.
struct Tagged {
    prefix: &'static str,
    describe: &'static str,
    param: &'static str,
    noun: &'static str,
    code: &'static str,
}

const TAGGED: [Tagged; 2] = [
    Tagged {
        prefix: "subnet-",
        describe: "DescribeSubnets",
        param: "SubnetId",
        noun: "subnet ID",
        code: "InvalidSubnetID.NotFound",
    },
    Tagged {
        prefix: "sg-",
        describe: "DescribeSecurityGroups",
        param: "GroupId",
        noun: "security group",
        code: "InvalidGroup.NotFound",
    },
];

/// MiniStack's root key, in its default account.
const DEFAULT_CALLER: &str = "test";

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Request, StatusCode, body::Bytes};

    use super::*;

    fn call(service: &str, operation: &str, params: &[(&str, &str)]) -> Call {
        let (parts, body) = Request::new(Bytes::new()).into_parts();
        let params = params.iter().copied().map(owned).collect();
        Call::unfinished(&parts, body, service.to_owned(), operation.to_owned(), params)
    }

    #[test]
    fn new_role_is_unknown_for_the_given_calls() {
        let strict = Strict::default();
        strict.set(Strictness {
            consistency: Some(Consistency { calls: 2, within: Duration::from_mins(1) }),
            ..Strictness::default()
        });
        let attach = call("iam", "AttachRolePolicy", &[("RoleName", "r")]);
        assert_eq!(strict.not_visible_yet(&attach), None);
        let made = ServiceResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() };
        strict.observe(&call("iam", "CreateRole", &[("RoleName", "r")]), &made);
        assert_eq!(strict.not_visible_yet(&call("iam", "DeleteRole", &[("RoleName", "r")])), None);
        for _ in 0..2 {
            assert_eq!(strict.not_visible_yet(&attach).unwrap().code, "NoSuchEntity");
        }
        assert_eq!(strict.not_visible_yet(&attach), None);
    }
}
