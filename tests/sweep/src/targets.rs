//! Identifies the calls of a run by properties that are the same in every run and every cloud.

use std::{collections::BTreeMap, fmt};

use local_cloud::gateway::{Call, When};

/// One call of a run: its kind, and its number among the calls of this kind. The order of calls is not stable, because they
/// run at the same time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Target {
    kind: Kind,
    /// Counted from 1.
    pub(crate) nth: usize,
}

/// The common properties of calls of one kind.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Kind {
    service: String,
    operation: String,
    params: Vec<(&'static str, String)>,
}

/// Parameters with the same value in every run. The ids of EC2 and the OIDC issuer differ in every cloud.
const STABLE: [&str; 11] = [
    "RoleName",
    "InstanceProfileName",
    "PolicyName",
    "PolicyArn",
    "RoleArn",
    "Filter.1.Name",
    "Tag.1.Key",
    "nodegroupName",
    "principalArn",
    "resource",
    "name",
];

impl Target {
    /// Returns the calls of a run, sorted. Calls of one kind are numbered.
    pub(crate) fn of_run(calls: &[Call]) -> Vec<Self> {
        let mut seen: BTreeMap<Kind, usize> = BTreeMap::new();
        let mut targets = Vec::new();
        for call in calls {
            let kind = Kind::of(call);
            let nth = seen.entry(kind.clone()).and_modify(|nth| *nth += 1).or_insert(1);
            targets.push(Self { nth: *nth, kind });
        }
        targets.sort();
        targets
    }

    /// Returns this many calls of one kind.
    #[cfg(test)]
    pub(crate) fn numbered(count: usize) -> Vec<Self> {
        let kind = Kind { service: "iam".to_owned(), operation: "ListRoles".to_owned(), params: Vec::new() };
        (1..=count).map(|nth| Self { kind: kind.clone(), nth }).collect()
    }

    /// Selects all calls of its kind.
    pub(crate) fn when(&self) -> When {
        let kind = self.kind.clone();
        When::call(&kind.service, &kind.operation).passing(move |call| Kind::of(call) == kind)
    }
}

impl Kind {
    fn of(call: &Call) -> Self {
        let params = STABLE.iter().filter_map(|name| Some((*name, call.param(name)?.to_owned())));
        Self { service: call.service.clone(), operation: call.operation.clone(), params: params.collect() }
    }
}

/// Formats like `iam.CreateRole(RoleName=nodes)#1`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kind { service, operation, params } = &self.kind;
        let params: Vec<_> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{service}.{operation}({})#{}", params.join(","), self.nth)
    }
}

#[cfg(test)]
mod tests {
    use hyper::{Request, body::Bytes};

    use super::*;

    fn call(operation: &str, params: &[(&str, &str)]) -> Call {
        let (parts, body) = Request::new(Bytes::new()).into_parts();
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Call::unfinished(&parts, body, "iam".to_owned(), operation.to_owned(), params)
    }

    #[test]
    fn calls_of_one_kind_are_numbered_without_variable_parameters() {
        let of_role = |marker| call("ListRolePolicies", &[("RoleName", "r"), ("Marker", marker)]);
        let calls = [of_role("one"), call("ListRolePolicies", &[("RoleName", "s")]), of_role("two")];
        let names: Vec<_> = Target::of_run(&calls).iter().map(ToString::to_string).collect();
        let expected = ["iam.ListRolePolicies(RoleName=r)#1", "iam.ListRolePolicies(RoleName=r)#2"];
        assert_eq!(names[..2], expected);
        assert_eq!(names[2], "iam.ListRolePolicies(RoleName=s)#1");
    }

    #[test]
    fn target_selects_only_calls_of_its_kind() {
        let target = &Target::of_run(&[call("GetRole", &[("RoleName", "r")])])[0];
        assert!(target.when().matches(&call("GetRole", &[("RoleName", "r"), ("Marker", "m")])));
        for other in [call("GetRole", &[]), call("GetRole", &[("RoleName", "r"), ("PolicyName", "p")])] {
            assert!(!target.when().matches(&other), "{other}");
        }
    }
}
