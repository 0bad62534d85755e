//! The body of the response, within CloudFormation's limits.
//!
//! CloudFormation accepts at most 4,096 bytes. It treats a longer success as a failure ("Response object is too long"). A
//! `Reason` of `null` can make a stack hang, and a control character in it breaks the list of stack events in the console.

mod attributes;
mod ids;

#[cfg(test)]
mod tests;

pub use attributes::{ATTRIBUTES, Attributes};

use crate::identity::ownership::PREFIX;
use crate::request::event::Envelope;
use attributes::{OMISSION_ORDER, WARNINGS};
use ids::truncate_id;
use serde::Serialize;
use std::borrow::Cow;

/// The limit of a response, in bytes
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html>).
pub const BODY_MAX: usize = 4096;

/// The limit of a `PhysicalResourceId`, in bytes (same page as [`BODY_MAX`]).
const PHYSICAL_ID_MAX: usize = 1024;

/// The limit of each other id, in bytes. CloudFormation's ids are shorter, and the limit leaves room for the rest of the
/// response.
const ID_MAX: usize = 400;

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request succeeded. The response to a Delete has no attributes.
    Success(Option<Attributes>),
    /// The request failed, for this reason.
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

/// The ids that every response repeats.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(clippy::struct_field_names, reason = "the names are those of the response")]
struct Ids<'a> {
    physical_resource_id: Cow<'a, str>,
    stack_id: Cow<'a, str>,
    request_id: Cow<'a, str>,
    logical_resource_id: Cow<'a, str>,
}

/// Returns the body to PUT, of at most [`BODY_MAX`] bytes.
///
/// Its ids are `physical_resource_id` and the ids of the envelope, verbatim. An id that is longer than any id of CloudFormation
/// is truncated. CloudFormation rejects an empty `physical_resource_id`, so [`id_without_identity`] replaces it.
pub fn body(envelope: &Envelope, physical_resource_id: &str, outcome: &Outcome) -> String {
    let without_identity = id_without_identity(&envelope.logical_resource_id);
    let id = if physical_resource_id.is_empty() { &without_identity } else { physical_resource_id };
    let ids = Ids {
        physical_resource_id: truncate_id(id, PHYSICAL_ID_MAX),
        stack_id: truncate_id(&envelope.stack_id, ID_MAX),
        request_id: truncate_id(&envelope.request_id, ID_MAX),
        logical_resource_id: truncate_id(&envelope.logical_resource_id, ID_MAX),
    };
    match outcome {
        Outcome::Success(None) => ids.render("SUCCESS", None, None),
        Outcome::Success(Some(attributes)) => success(&ids, attributes.clone()),
        Outcome::Failed(reason) => {
            render_within_limit(&sanitized(reason), |reason| ids.render("FAILED", Some(reason), None))
        }
    }
}

/// Returns the id of a resource whose properties have no identity, because they are invalid. No object is created under this id.
pub fn id_without_identity(logical_resource_id: &str) -> String {
    format!("{PREFIX}invalid-properties/{logical_resource_id}")
}

fn success(ids: &Ids<'_>, mut attributes: Attributes) -> String {
    let render = |attributes: &Attributes| ids.render("SUCCESS", None, Some(attributes));
    attributes.remove_control_characters();
    for name in OMISSION_ORDER {
        let body = render(&attributes);
        if body.len() <= BODY_MAX {
            return body;
        }
        attributes.omit(name);
    }
    let warnings = attributes.warnings().to_owned();
    render_within_limit(&warnings, |warnings| render(&attributes.with(WARNINGS, warnings)))
}

impl Ids<'_> {
    fn render(&self, status: &'static str, reason: Option<&str>, data: Option<&Attributes>) -> String {
        // serde_json cannot fail on text values under text keys.
        serde_json::to_string(&Body { status, reason, ids: self, data }).unwrap_or_default()
    }
}

/// Renders the text, cut at the end to at most [`BODY_MAX`] bytes. The cut is at the end because each message begins with the
/// cause.
fn render_within_limit(text: &str, render: impl Fn(&str) -> String) -> String {
    let whole = render(text);
    if whole.len() <= BODY_MAX {
        return whole;
    }
    let cut = |chars: usize| format!("{}…", text.chars().take(chars).collect::<String>());
    // A character takes one to six bytes, because JSON escapes some. So a binary search finds the longest head that fits.
    let (mut fits, mut exceeds) = (0, text.chars().count());
    while fits + 1 < exceeds {
        let middle = usize::midpoint(fits, exceeds);
        if render(&cut(middle)).len() <= BODY_MAX { fits = middle } else { exceeds = middle }
    }
    render(&cut(fits))
}

/// Returns the reason without control characters. An empty reason is replaced, because CloudFormation requires a reason.
fn sanitized(reason: &str) -> String {
    let printable: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if printable.trim().is_empty() { "no reason was given: see the function's log".to_owned() } else { printable }
}
