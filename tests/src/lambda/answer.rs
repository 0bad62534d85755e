//! What came to one presigned URL, and what `CloudFormation` reads of it.

use std::{collections::BTreeMap, time::SystemTime};

use hyper::{HeaderMap, Method, body::Bytes};
use serde_json::Value;

use super::{event::EventIds, judge::judge};

/// How a violation names a PUT that differs from the first.
pub(crate) const ANOTHER_BODY: &str = "another body";

/// One request to an URL.
#[derive(Clone, Debug)]
pub struct Put {
    /// When it had arrived whole.
    pub at: SystemTime,
    /// The method, which should be PUT.
    pub method: Method,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether it was stored.
    pub stored: bool,
}

/// The answer that `CloudFormation` reads: the first PUT that was stored. A field that is not there,
/// or not of its type, is empty here, and in `violations`.
#[derive(Clone, Debug)]
pub struct Answer {
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
    /// The body as it came.
    pub raw: Bytes,
    /// All PUTs to the URL so far, stored or not.
    pub puts: Vec<Put>,
    /// Every rule of the protocol that one of them breaks.
    pub violations: Vec<String>,
}

impl Answer {
    /// Whether it says SUCCESS.
    pub fn succeeded(&self) -> bool {
        self.status == "SUCCESS"
    }

    /// Panics with every violation, if there is one.
    ///
    /// # Panics
    /// If a PUT breaks a rule of the protocol.
    #[track_caller]
    pub fn assert_sound(&self) {
        assert!(
            self.violations.is_empty(),
            "CloudFormation would not take this answer: {:#?}\n{}",
            self.violations,
            String::from_utf8_lossy(&self.raw)
        );
    }
}

/// The answer that `CloudFormation` reads among `puts`, and the judgement on all of them. `strays` are
/// the altered URLs that were tried. None if nothing was stored.
pub(crate) fn read(ids: &EventIds, puts: &[Put], strays: &[String]) -> Option<Answer> {
    let read = puts.iter().find(|put| put.stored)?;
    let body: Value = serde_json::from_slice(&read.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let data = body.get("Data").and_then(Value::as_object).into_iter().flatten();
    Some(Answer {
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
