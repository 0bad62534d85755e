//! A call: the operation of a service, its parameters and its caller.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use hyper::{Method, body::Bytes, http::request::Parts};

use super::journal;

/// One call, with its request and its result.
#[derive(Clone, Debug)]
pub struct Call {
    /// The number of the call. Calls are numbered from 1 in the order of their arrival, over the whole life of a journal.
    pub seq: u64,
    /// When it arrived.
    pub at: SystemTime,
    /// The service as `SigV4` names it (`iam`, `ec2`, `eks`, …), `kubernetes`, or `unknown`.
    pub service: String,
    /// The API's name of the operation (`CreateRole`). For Kubernetes the verb (`patch`). For an unknown HTTP API the method
    /// and the path.
    pub operation: String,
    /// Whether the call can change something.
    pub access: Access,
    /// The region of the signature, if there is one.
    pub region: Option<String>,
    /// Form parameters by their wire names (`Tags.member.1.Key`), or parameters of the path and the query.
    pub params: BTreeMap<String, String>,
    /// HTTP method.
    pub method: Method,
    /// Path without the query, because the query may contain a signature.
    pub path: String,
    /// The body of the request.
    pub body: Bytes,
    /// The signer. `None` for an unsigned call, such as `AssumeRoleWithWebIdentity`.
    pub caller: Option<Caller>,
    /// The effect of the gateway's rules, if there was one.
    pub fault: Option<&'static str>,
    /// The status of the response. `None` until there is one, and forever when the connection was closed or the caller left
    /// before the service got the call.
    pub status: Option<u16>,
    /// The service's error code, in an error response.
    pub error_code: Option<String>,
    /// Time from the arrival to the response. `None` while the call is running.
    pub duration: Option<Duration>,
}

/// Whether a call can change something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// It reads, or requests credentials.
    Read,
    /// It changes something if the service accepts it.
    Write,
}

/// The signer of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The access key id of the signature.
    pub access_key_id: String,
}

impl Caller {
    /// Returns the account of a root key of MiniStack. `None` for the key of a user or a session.
    pub fn account(&self) -> Option<&str> {
        let key = self.access_key_id.as_str();
        (key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit())).then_some(key)
    }
}

impl Call {
    /// Returns whether it can change something.
    pub fn is_write(&self) -> bool {
        self.access == Access::Write
    }

    /// Returns whether it is this operation of this service.
    pub fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }

    /// Returns a parameter by its wire name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// Returns the values of a list parameter, by the name before the number: `ResourceId` for `ResourceId.1`, `ResourceId.2`
    /// …
    pub fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|index| self.param(&format!("{name}.{index}"))).collect()
    }

    /// Returns the keys of the tags that it sets, in IAM's or EC2's form.
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

    /// Creates a call that has just arrived. Only its request is known.
    pub fn unfinished(
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
