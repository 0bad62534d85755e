//! The typed form of an IAM policy: a trust policy or a permissions policy.
//!
//! Other modules store documents as JSON, which is the form that IAM returns and accepts. To read, compare or build a document,
//! they use this form, and write it with [`PolicyDocument::to_json`].
//!
//! Literal example:
//!
//! ```json
//! {
//!   "Version": "2012-10-17",
//!   "Statement": [{
//!     "Sid": "PassNodeIAMRole",
//!     "Effect": "Allow",
//!     "Action": "iam:PassRole",
//!     "Resource": "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo"
//!   }]
//! }
//! ```
//!
//! Source of the grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

pub use super::one_or_many::OneOrMany;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The version of the policy language that this project writes.
const VERSION: &str = "2012-10-17";

/// A policy. Two policies are equal if they have the same content. The order of statements and lists does not count, and neither
/// does the form of a single value (see [`OneOrMany`]).
///
/// Elements that this version does not know are kept and written unchanged. An element with the value `null` counts as absent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// The version of the policy language. For IAM, an absent version is `2008-10-17`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A name for the document. IAM does not use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The statements. IAM rejects a document without a statement.
    #[serde(rename = "Statement")]
    pub statements: OneOrMany<Statement>,
    /// The elements that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// The name of the statement: letters and digits, unique in the document. Most statements of a trust policy have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Whether the statement allows or denies.
    pub effect: Effect,
    /// The principals of a trust policy. A permissions policy has none: its principal is the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// All principals except these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_principal: Option<Principal>,
    /// The actions, with `*` and `?` as wildcards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<OneOrMany<String>>,
    /// All actions except these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_action: Option<OneOrMany<String>>,
    /// The ARNs of the resources, with `*` and `?` as wildcards. A trust policy has none: its resource is the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<OneOrMany<String>>,
    /// All resources except these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_resource: Option<OneOrMany<String>>,
    /// The conditions, all of which must hold. An empty block counts as absent.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub condition: Condition,
    /// The elements that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The effect of a statement. Letter case counts, as in IAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Effect {
    /// The statement allows.
    Allow,
    /// The statement denies, even if another statement allows.
    Deny,
}

/// The principals of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Principal {
    /// A text. IAM accepts only `*`, which means all principals.
    Text(String),
    /// The principals by kind: `AWS`, `CanonicalUser`, `Federated` or `Service`.
    Kinds(BTreeMap<String, OneOrMany<String>>),
}

/// The values by operator, such as `StringEquals`, and condition key. One of the values must match.
pub type Condition = BTreeMap<String, BTreeMap<String, OneOrMany<Scalar>>>;

/// A value of a condition. IAM accepts a number or a Boolean with or without quotation marks, so `true` and `"true"` are equal.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A text, in quotation marks.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
}

impl PolicyDocument {
    /// Builds a policy from these statements, in this order. They are always written as a list.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self {
            version: Some(VERSION.to_owned()),
            id: None,
            statements: OneOrMany::Many(statements.into_iter().collect()),
            rest: Map::new(),
        }
    }

    /// Reads a policy. Returns `None` if the JSON is not a policy. Such JSON grants nothing.
    pub fn read(json: &Value) -> Option<Self> {
        Self::deserialize(json).ok()
    }

    /// Returns the document in the form that IAM accepts.
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// Iterates over the statements that allow.
    pub fn allowing(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(|statement| statement.effect == Effect::Allow)
    }
}

impl Statement {
    /// Builds a statement that allows these actions. The caller adds resources, principals and conditions.
    pub fn allow(actions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            sid: None,
            effect: Effect::Allow,
            principal: None,
            not_principal: None,
            action: Some(actions.into_iter().map(Into::into).collect()),
            not_action: None,
            resource: None,
            not_resource: None,
            condition: Condition::new(),
            rest: Map::new(),
        }
    }

    /// Returns whether `Action` contains this action. Letter case does not count, as in IAM
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>). Wildcards and `NotAction`
    /// are not evaluated.
    pub fn lists_action(&self, action: &str) -> bool {
        self.action.iter().flatten().any(|listed| listed.eq_ignore_ascii_case(action))
    }

    /// Iterates over the principals of this kind in `Principal`. The principal `*` and `NotPrincipal` have none.
    pub fn principals(&self, kind: &str) -> impl Iterator<Item = &str> {
        let kinds = match &self.principal {
            Some(Principal::Kinds(kinds)) => kinds.get(kind),
            Some(Principal::Text(_)) | None => None,
        };
        kinds.into_iter().flatten().map(String::as_str)
    }

    /// Returns the values of a condition. Returns an empty list if the statement has no such operator or key. The letter case of
    /// both counts.
    pub fn condition_values(&self, operator: &str, key: &str) -> Vec<String> {
        let values = self.condition.get(operator).and_then(|keys| keys.get(key));
        values.into_iter().flatten().map(|value| value.text().into_owned()).collect()
    }
}

impl Principal {
    /// Builds a principal of a kind.
    pub fn one(kind: &str, name: impl Into<String>) -> Self {
        Self::Kinds([(kind.to_owned(), OneOrMany::One(name.into()))].into())
    }
}

impl Scalar {
    /// Returns the value without quotation marks.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Bool(value) => Cow::Owned(value.to_string()),
            Self::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

impl<T: Into<String>> From<T> for Scalar {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Scalar {}
