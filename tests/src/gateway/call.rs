//! What a request is: which operation of which service, with which parameters, by whom.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use hyper::{Method, body::Bytes, http::request::Parts};

use super::journal;

/// One call, as the gateway saw it and as it ended.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its number: calls are counted from 1 as they arrive, over a journal's whole life.
    pub seq: u64,
    /// When it arrived.
    pub at: SystemTime,
    /// The service as `SigV4` names it (`iam`, `ec2`, `eks`, …), `kubernetes`, or `unknown`.
    pub service: String,
    /// The API's own name of the operation (`CreateRole`). For Kubernetes the verb (`patch`); for
    /// an HTTP API that is only passed on, the method and path.
    pub operation: String,
    /// Whether it can change anything.
    pub access: Access,
    /// The region that it was signed for, if it was signed.
    pub region: Option<String>,
    /// Form parameters by their wire names (`Tags.member.1.Key`), or what path and query hold.
    pub params: BTreeMap<String, String>,
    /// HTTP method.
    pub method: Method,
    /// Path without the query, which may hold a signature.
    pub path: String,
    /// The request's body.
    pub body: Bytes,
    /// Who signed it. None for an unsigned call, as `AssumeRoleWithWebIdentity` is.
    pub caller: Option<Caller>,
    /// What the gateway did to it, if it did anything.
    pub fault: Option<&'static str>,
    /// The answer's status. None while there is none, and for good when the connection was cut
    /// or the caller left before the service was asked.
    pub status: Option<u16>,
    /// The service's error code, for an answer that is a refusal.
    pub error_code: Option<String>,
    /// Time from arrival to the answer. None as long as it is under way.
    pub duration: Option<Duration>,
}

/// Whether a call can change anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// It reads, or asks for credentials.
    Read,
    /// It changes something, if the service grants it.
    Write,
}

/// Who signed a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The access key id of the signature.
    pub access_key_id: String,
}

impl Caller {
    /// The account that a root key of `MiniStack` stands for. None for the key of a user or a session.
    pub fn account(&self) -> Option<&str> {
        let key = self.access_key_id.as_str();
        (key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit())).then_some(key)
    }
}

impl Call {
    /// Whether it can change anything.
    pub fn is_write(&self) -> bool {
        self.access == Access::Write
    }

    /// Whether it is this operation of this service.
    pub fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }

    /// A parameter by its wire name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// The values of a list parameter, by the name that stands before the number: `ResourceId`
    /// for `ResourceId.1`, `ResourceId.2` …
    pub fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|index| self.param(&format!("{name}.{index}"))).collect()
    }

    /// The keys of the tags that it sets, in IAM's or EC2's form.
    pub fn tag_keys(&self) -> Vec<&str> {
        let prefixes: &[&str] = match self.service.as_str() {
            "iam" => &["Tags.member"],
            _ => &["Tag"],
        };
        prefixes
            .iter()
            .flat_map(|prefix| (1..).map_while(move |index| self.param(&format!("{prefix}.{index}.Key"))))
            .collect()
    }

    /// A call that has just arrived and of which only the request is known.
    pub(crate) fn unfinished(
        parts: &Parts,
        body: Bytes,
        service: String,
        operation: String,
        params: BTreeMap<String, String>,
    ) -> Self {
        Self {
            seq: 0,
            at: SystemTime::now(),
            service,
            operation,
            access: Access::Write,
            region: None,
            params,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            body,
            caller: None,
            fault: None,
            status: None,
            error_code: None,
            duration: None,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        journal::write_line(self, f)
    }
}
