//! The answer's body: complete, flat, and within CloudFormation's limit.
//!
//! CloudFormation takes 4,096 bytes, inclusive; a longer success counts as a failure ("Response object is too
//! long"), a null `Reason` has been seen to hang a stack, and a control character in it breaks the console's list
//! of events.

mod attributes;
mod ids;

#[cfg(test)]
mod tests;

pub use attributes::{ATTRIBUTES, Attributes};

use crate::identity::ownership::PREFIX;
use crate::request::event::Envelope;
use attributes::{FIRST_TO_GO, WARNINGS};
use ids::bounded;
use serde::Serialize;
use std::borrow::Cow;

/// The most bytes that an answer may have
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html>).
pub const BODY_MAX: usize = 4096;

/// The most bytes of a `PhysicalResourceId` (same page as [`BODY_MAX`]).
const PHYSICAL_ID_MAX: usize = 1024;

/// The most bytes of each other id. CloudFormation's are shorter, and these leave an answer room for the rest.
const ID_MAX: usize = 400;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; a Delete has no attributes.
    Success(Option<Attributes>),
    /// Not done, and why.
    Failed(String),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(flatten)]
    ids: &'a Ids<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Attributes>,
}

/// What every answer repeats.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(clippy::struct_field_names, reason = "named as the answer names them")]
struct Ids<'a> {
    physical_resource_id: Cow<'a, str>,
    stack_id: Cow<'a, str>,
    request_id: Cow<'a, str>,
    logical_resource_id: Cow<'a, str>,
}

/// The body to PUT: at most [`BODY_MAX`] bytes. The ids are the envelope's and `physical_resource_id`, word for word
/// unless they exceed what CloudFormation ever sends; an empty one, which CloudFormation would refuse, is
/// [`id_without_identity`].
pub fn body(envelope: &Envelope, physical_resource_id: &str, outcome: &Outcome) -> String {
    let without_identity = id_without_identity(&envelope.logical_resource_id);
    let id = if physical_resource_id.is_empty() { &without_identity } else { physical_resource_id };
    let ids = Ids {
        physical_resource_id: bounded(id, PHYSICAL_ID_MAX),
        stack_id: bounded(&envelope.stack_id, ID_MAX),
        request_id: bounded(&envelope.request_id, ID_MAX),
        logical_resource_id: bounded(&envelope.logical_resource_id, ID_MAX),
    };
    match outcome {
        Outcome::Success(None) => ids.render("SUCCESS", None, None),
        Outcome::Success(Some(attributes)) => success(&ids, attributes.clone()),
        Outcome::Failed(reason) => fitting(&cleaned(reason), |reason| ids.render("FAILED", Some(reason), None)),
    }
}

/// The id of a resource whose properties are so wrong that they have no identity: nothing was made under it.
pub fn id_without_identity(logical_resource_id: &str) -> String {
    format!("{PREFIX}invalid-properties/{logical_resource_id}")
}

fn success(ids: &Ids<'_>, mut attributes: Attributes) -> String {
    let render = |attributes: &Attributes| ids.render("SUCCESS", None, Some(attributes));
    attributes.clean();
    for name in FIRST_TO_GO {
        let body = render(&attributes);
        if body.len() <= BODY_MAX {
            return body;
        }
        attributes.leave_out(name);
    }
    let warnings = attributes.warnings().to_owned();
    fitting(&warnings, |warnings| render(&attributes.with(WARNINGS, warnings)))
}

impl Ids<'_> {
    fn render(&self, status: &'static str, reason: Option<&str>, data: Option<&Attributes>) -> String {
        // Strings under string keys: there is nothing that serde_json could refuse.
        serde_json::to_string(&Body { status, reason, ids: self, data }).unwrap_or_default()
    }
}

/// The rendering with as much of the text's head as fits; the cause comes first in every text of ours.
fn fitting(text: &str, render: impl Fn(&str) -> String) -> String {
    let whole = render(text);
    if whole.len() <= BODY_MAX {
        return whole;
    }
    let cut = |chars: usize| format!("{}…", text.chars().take(chars).collect::<String>());
    // Escapes make a character cost up to six bytes, so the longest head that fits is searched for.
    let (mut fits, mut exceeds) = (0, text.chars().count());
    while fits + 1 < exceeds {
        let middle = usize::midpoint(fits, exceeds);
        if render(&cut(middle)).len() <= BODY_MAX { fits = middle } else { exceeds = middle }
    }
    render(&cut(fits))
}

fn cleaned(reason: &str) -> String {
    let cleaned: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cleaned.trim().is_empty() { "no reason was given: see the function's log".to_owned() } else { cleaned }
}
