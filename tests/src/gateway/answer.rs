//! Answers, and refusals in the form of the service that is made to refuse.

use std::borrow::Cow;

use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::Bytes,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};

use super::{
    call::Call,
    server::{Body, whole},
    upstream::end_to_end,
};

/// A service's answer, for a rewrite to change.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers. Content-Length follows the body by itself.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON. None if it is none.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Puts JSON in the place of the body.
    pub fn set_json(&mut self, body: &Value) {
        self.body = body.to_string().into();
    }

    /// The body as text.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The error code in an answer that refuses, in whatever form the service has. None for an
    /// answer that grants.
    pub fn error_code(&self) -> Option<String> {
        if !self.status.is_client_error() && !self.status.is_server_error() {
            return None;
        }
        let header = self.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let code = header.map(str::to_owned).or_else(|| match self.json() {
            Some(body) => {
                ["__type", "code", "reason"].iter().find_map(|name| body.get(*name)?.as_str().map(str::to_owned))
            }
            None => element(&self.text(), "Code").map(str::to_owned),
        })?;
        // `ResourceNotFoundException:http://…` and `com.amazon#ResourceNotFoundException` are forms in use.
        let code = code.split(':').next().unwrap_or_default();
        Some(code.rsplit('#').next().unwrap_or_default().to_owned())
    }

    pub(crate) fn into_response(self, method: &Method) -> Response<Body> {
        let mut response = Response::new(whole(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = end_to_end(&self.headers);
        // The answer to a HEAD tells the length of a body that it does not have.
        if method != Method::HEAD {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response
    }
}

/// A refusal, as the service itself would word it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The service's error code; for Kubernetes the reason (`Forbidden`).
    pub code: String,
    /// What the service says.
    pub message: String,
}

impl Refusal {
    /// A refusal with this status, code and message.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// How `service` says that it is asked too often.
    pub fn throttled(service: &str) -> Self {
        match service {
            "ec2" => Self::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            "s3" => Self::new(503, "SlowDown", "Please reduce your request rate."),
            "eks" => Self::new(429, "ThrottlingException", "Rate exceeded"),
            "kubernetes" => Self::new(
                429,
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later",
            ),
            _ => Self::new(400, "Throttling", "Rate exceeded"),
        }
    }

    /// How `service` says that something broke on its side.
    pub fn internal(service: &str) -> Self {
        match service {
            "iam" => Self::new(
                500,
                "ServiceFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
            "ec2" => Self::new(500, "InternalError", "An internal error has occurred"),
            "eks" => Self::new(500, "ServerException", "Internal server error"),
            "kubernetes" => Self::new(500, "InternalError", "Internal error occurred"),
            "s3" => Self::new(500, "InternalError", "We encountered an internal error. Please try again."),
            _ => Self::new(
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
        }
    }

    /// How its service says that the caller may not make this call.
    pub fn denied(call: &Call) -> Self {
        let (service, operation) = (call.service.as_str(), call.operation.as_str());
        let message = format!("User is not authorized to perform: {service}:{operation}");
        match service {
            "ec2" => Self::new(403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
            "eks" => Self::new(403, "AccessDeniedException", message),
            "kubernetes" => {
                let resource = call.param("resource").unwrap_or_default();
                Self::new(403, "Forbidden", format!("{resource} is forbidden: User cannot {operation} resource"))
            }
            _ => Self::new(403, "AccessDenied", message),
        }
    }

    /// This refusal as the answer to `call`, in the form that its service answers in.
    pub fn answer(&self, call: &Call) -> Answer {
        let (code, message) = (escape(&self.code), escape(&self.message));
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-requestid", HeaderValue::from_static(REQUEST_ID));
        let (content_type, body) = match call.service.as_str() {
            "ec2" => (
                "text/xml;charset=UTF-8",
                format!(
                    "{XML}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>\
                     </Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
                ),
            ),
            "s3" => (
                "application/xml",
                format!(
                    "{XML}<Error><Code>{code}</Code><Message>{message}</Message>\
                     <RequestId>{REQUEST_ID}</RequestId></Error>"
                ),
            ),
            service @ ("iam" | "sts" | "cloudformation") => (
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>{code}</Code>\
                     <Message>{message}</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>",
                    namespace(service),
                    if self.status < 500 { "Sender" } else { "Receiver" },
                ),
            ),
            "kubernetes" => {
                headers.clear();
                if self.status == 429 {
                    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
                }
                ("application/json", self.kubernetes_status().to_string())
            }
            _ => {
                if let Ok(code) = HeaderValue::from_str(&self.code) {
                    headers.insert("x-amzn-errortype", code);
                }
                let body = json!({ "__type": self.code, "message": self.message });
                ("application/json", body.to_string())
            }
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Answer {
            status: StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            body: body.into(),
        }
    }

    fn kubernetes_status(&self) -> Value {
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.code,
            "code": self.status,
        })
    }
}

/// The text of the first element of this name, as it stands in the XML.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    elements(xml, name).next()
}

/// The texts of all elements of this name.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (text, after) = after.split_once(&close)?;
        rest = after;
        Some(text.trim())
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn namespace(service: &str) -> &'static str {
    match service {
        "iam" => "https://iam.amazonaws.com/doc/2010-05-08/",
        "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
        _ => "http://cloudformation.amazonaws.com/doc/2010-05-15/",
    }
}

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// Recognisable in a message or a log as one that the gateway gave.
pub(crate) const REQUEST_ID: &str = "00000000-0000-4000-8000-9a7e3a900000";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::Request;

    use super::*;

    fn call(service: &str) -> Call {
        let (parts, body) = Request::new(Bytes::new()).into_parts();
        Call::unfinished(&parts, body, service.to_owned(), "X".to_owned(), BTreeMap::new())
    }

    #[test]
    fn the_code_of_a_refusal_is_read_back_in_every_form() {
        for service in ["iam", "sts", "cloudformation", "ec2", "s3", "eks", "kubernetes", "ssm"] {
            let answer = Refusal::new(403, "SomeCode", "no <way> & \"never\"").answer(&call(service));
            assert_eq!(answer.status, 403);
            assert_eq!(answer.error_code().as_deref(), Some("SomeCode"), "{service}");
        }
    }

    #[test]
    fn prefixes_and_suffixes_of_a_code_fall_away() {
        let mut answer = Refusal::new(400, "com.amazon#Gone:http://x/", "m").answer(&call("eks"));
        assert_eq!(answer.error_code().as_deref(), Some("Gone"));
        answer.status = StatusCode::OK;
        assert_eq!(answer.error_code(), None);
    }

    #[test]
    fn elements_are_found_in_order() {
        assert_eq!(elements("<a>1</a><b/><a> 2 </a>", "a").collect::<Vec<_>>(), ["1", "2"]);
    }
}
