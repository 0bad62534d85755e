//! Texts of `mapRoles`, judged by the authenticator's own parser: the handler must read each of them as the authenticator does.

use super::judge::{ARN, GROUPS, USERNAME};
use super::parse_map::{Parsed, parse};
use super::text;
use crate::target::{CaseOutcome, Constructs, ExpectedOutcome, Target};
use aws_auth::{AwsAuthError, MapRoles, NodeEntry, Presence, remove};
use serde_json::{Value, json};

/// The outcome if the handler rejects a list that the authenticator reads.
const STRICTER: CaseOutcome = "rejected: the authenticator reads it";

/// The outcome if the handler reads the list, and finds no safe edit.
const NO_EDIT: CaseOutcome = "rejected: no edit was found";

/// The same texts as [`AWS_AUTH`](super::AWS_AUTH), with another judge.
pub static AUTHENTICATOR: Target = Target {
    name: "authenticator",
    unit: "texts",
    violations: "texts that the authenticator does not read as the edit does, entries that differ or removals that fail",
    min_full_run: 1_000_000,
    max_bytes: 200,
    outcomes: &[
        ExpectedOutcome { outcome: "edited", max_permille: 1000 },
        ExpectedOutcome { outcome: "edited: an empty value was replaced", max_permille: 100 },
        ExpectedOutcome { outcome: "had the entry", max_permille: 200 },
        ExpectedOutcome { outcome: "rejected: another entry for the role", max_permille: 200 },
        ExpectedOutcome { outcome: "rejected: the authenticator does not read it either", max_permille: 300 },
        ExpectedOutcome { outcome: STRICTER, max_permille: 5 },
        ExpectedOutcome { outcome: NO_EDIT, max_permille: 20 },
    ],
    show: |bytes| format!("{:?}", text(bytes).0),
    case,
};

fn case(bytes: &[u8], _constructs: Option<&mut Constructs>) -> Result<CaseOutcome, String> {
    check_text(&text(bytes).0)
}

/// Checks the edits of a text against the authenticator's parser, and returns the outcome.
///
/// # Errors
/// The first violation.
pub fn check_text(text: &str) -> Result<CaseOutcome, String> {
    let old = parse(text);
    let entry = NodeEntry::new(ARN);
    let map_roles = match MapRoles::read(Some(text), &entry) {
        Ok(map_roles) => map_roles,
        Err(_) if !old.read => return Ok("rejected: the authenticator does not read it either"),
        Err(_) => return Ok(STRICTER),
    };
    if !old.read {
        return Err(format!("the authenticator does not read what the handler reads ({}): {text:?}", old.error));
    }
    let presence = map_roles.presence();
    let expected = expected_presence(&old);
    if (presence == Presence::Absent, presence == Presence::Equal) != (expected == Some(false), expected == Some(true))
    {
        return Err(format!("the handler reads {presence:?}, and the authenticator {:?}: {text:?}", old.roles));
    }
    match (map_roles.insert(), presence) {
        (Err(AwsAuthError::Conflict { .. }), Presence::Conflict { .. }) => Ok("rejected: another entry for the role"),
        (Ok(after), Presence::Equal) if after == text => Ok("had the entry"),
        (Err(AwsAuthError::GuardFailed { .. }), Presence::Absent) => Ok(NO_EDIT),
        (Ok(after), Presence::Absent) => check_addition(text, &after, &old, map_roles.is_empty()),
        (result, presence) => Err(format!("{presence:?}, and {result:?}: {text:?}")),
    }
}

fn check_addition(text: &str, after: &str, old: &Parsed, was_empty: bool) -> Result<CaseOutcome, String> {
    let new = parse(after);
    let ours = json!({"rolearn": ARN, "username": USERNAME, "groups": GROUPS});
    let is_ours = |role: &Value| *role == ours;
    let others: Vec<&Value> = new.roles.iter().filter(|role| !is_ours(role)).collect();
    let is_as_before = others.iter().copied().eq(old.roles.iter().filter(|role| !is_ours(role)));
    let is_added = new.roles.len() == old.roles.len() + 1 && expected_presence(&new) == Some(true);
    if !new.read || !is_as_before || !is_added {
        return Err(format!("the authenticator reads {new:?} from {after:?}, in {text:?}"));
    }
    match remove(after, &NodeEntry::new(ARN)) {
        Ok(removed) if removed == text => Ok("edited"),
        Ok(removed) if was_empty && parse(&removed).read && parse(&removed).roles.is_empty() => {
            Ok("edited: an empty value was replaced")
        }
        removed => Err(format!("the removal from {after:?} is {removed:?}, in {text:?}")),
    }
}

/// Returns whether the authenticator maps the role as the handler's entry does; `Some(false)` if it has no entry for the role, and
/// `None` if it has another one. The last entry of a role counts.
fn expected_presence(parsed: &Parsed) -> Option<bool> {
    let is_role = |role: &&Value| role["rolearn"].as_str().is_some_and(|arn| arn.to_lowercase() == ARN.to_lowercase());
    let Some(role) = parsed.roles.iter().rfind(is_role) else {
        return Some(false);
    };
    let has = |group: &str| role["groups"].as_array().is_some_and(|groups| groups.iter().any(|it| it == group));
    (role["username"] == USERNAME && GROUPS.into_iter().all(has)).then_some(true)
}
