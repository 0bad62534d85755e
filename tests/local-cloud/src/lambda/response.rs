//! The PUTs to a presigned URL, and the response that CloudFormation reads from them.

use std::{collections::BTreeMap, time::SystemTime};

use hyper::{HeaderMap, Method, body::Bytes};
use serde_json::Value;

use super::{event::EventIds, judge::judge};

/// The violation of a PUT that differs from the first one.
pub(crate) const ANOTHER_BODY: &str = "another body";

/// One request to a URL.
#[derive(Clone, Debug)]
pub struct Put {
    /// When it had arrived completely.
    pub at: SystemTime,
    /// The method, which must be PUT.
    pub method: Method,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether it was stored.
    pub stored: bool,
}

/// The response that CloudFormation reads: the first PUT that was stored. A field that is missing or has a wrong type is
/// empty here, and is one of the `violations`.
#[derive(Clone, Debug)]
pub struct CfnResponse {
    /// `Status`.
    pub status: String,
    /// `Reason`.
    pub reason: Option<String>,
    /// `PhysicalResourceId`.
    pub physical_resource_id: String,
    /// `Data`.
    pub data: BTreeMap<String, String>,
    /// `NoEcho`.
    pub no_echo: bool,
    /// The body, unchanged.
    pub raw: Bytes,
    /// All PUTs to the URL so far, stored or not.
    pub puts: Vec<Put>,
    /// The rules of the protocol that the PUTs violate.
    pub violations: Vec<String>,
}

impl CfnResponse {
    /// Returns whether the status is SUCCESS.
    pub fn succeeded(&self) -> bool {
        self.status == "SUCCESS"
    }

    /// Asserts that there are no violations.
    ///
    /// # Panics
    /// Panics if a PUT violates a rule of the protocol.
    #[track_caller]
    pub fn assert_sound(&self) {
        assert!(
            self.violations.is_empty(),
            "CloudFormation would not accept this response: {:#?}\n{}",
            self.violations,
            String::from_utf8_lossy(&self.raw)
        );
    }
}

/// Returns the response that CloudFormation reads from `puts`, with the violations of all of them. `strays` are altered URLs
/// that were used. Returns `None` if nothing was stored.
pub(crate) fn read(ids: &EventIds, puts: &[Put], strays: &[String]) -> Option<CfnResponse> {
    let read = puts.iter().find(|put| put.stored)?;
    let body: Value = serde_json::from_slice(&read.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let data = body.get("Data").and_then(Value::as_object).into_iter().flatten();
    Some(CfnResponse {
        status: text("Status").unwrap_or_default(),
        reason: text("Reason"),
        physical_resource_id: text("PhysicalResourceId").unwrap_or_default(),
        data: data.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
        no_echo: body.get("NoEcho").and_then(Value::as_bool).unwrap_or_default(),
        raw: read.body.clone(),
        puts: puts.to_vec(),
        violations: violations(ids, puts, strays),
    })
}

fn violations(ids: &EventIds, puts: &[Put], strays: &[String]) -> Vec<String> {
    let mut violations: Vec<String> = strays
        .iter()
        .map(|target| format!("the URL was altered to {target}, so its signature does not hold"))
        .collect();
    for put in puts {
        violations.extend(judge(&put.method, &put.headers, &put.body, ids));
    }
    let first = puts.first().map(|put| &put.body);
    let other = puts.iter().position(|put| Some(&put.body) != first);
    violations.extend(other.map(|n| format!("PUT {} has {ANOTHER_BODY} than the first", n + 1)));
    violations
}
