//! The responses of services, and error responses in the form of each service.

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

/// The response of a service, which a rewrite can change.
#[derive(Clone, Debug)]
pub struct ServiceResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers. Content-Length is derived from the body.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl ServiceResponse {
    /// Returns the body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Replaces the body with JSON.
    pub fn set_json(&mut self, body: &Value) {
        self.body = body.to_string().into();
    }

    /// Returns the body as text.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns the error code of an error response, in the form of any service; `None` for a success.
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
        // Services also use the forms `ResourceNotFoundException:http://…` and `com.amazon#ResourceNotFoundException`.
        let code = code.split(':').next().unwrap_or_default();
        Some(code.rsplit('#').next().unwrap_or_default().to_owned())
    }

    pub(crate) fn into_response(self, method: &Method) -> Response<Body> {
        let mut response = Response::new(whole(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = end_to_end(&self.headers);
        // The response to a HEAD has the length of a body that is not sent.
        if method != Method::HEAD {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response
    }
}

/// An error, as a service would return it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The service's error code. For Kubernetes the reason (`Forbidden`).
    pub code: String,
    /// The service's message.
    pub message: String,
}

impl ErrorResponse {
    /// Creates an error with this status, code and message.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// Returns the throttling error of a service.
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

    /// Returns the internal error of a service.
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

    /// Returns the error for a call that the caller is not permitted to make.
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

    /// Returns the error as a response to `call`, in the form of its service.
    pub fn response(&self, call: &Call) -> ServiceResponse {
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
        ServiceResponse {
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

/// Returns the text of the first element with this name, without unescaping.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    elements(xml, name).next()
}

/// Returns the texts of all elements with this name.
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

/// Identifies a response of the gateway in a message or a log.
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
    fn error_code_is_found_in_every_form() {
        for service in ["iam", "sts", "cloudformation", "ec2", "s3", "eks", "kubernetes", "ssm"] {
            let response = ErrorResponse::new(403, "SomeCode", "no <way> & \"never\"").response(&call(service));
            assert_eq!(response.status, 403);
            assert_eq!(response.error_code().as_deref(), Some("SomeCode"), "{service}");
        }
    }

    #[test]
    fn error_code_has_no_prefix_or_suffix() {
        let mut response = ErrorResponse::new(400, "com.amazon#Gone:http://x/", "m").response(&call("eks"));
        assert_eq!(response.error_code().as_deref(), Some("Gone"));
        response.status = StatusCode::OK;
        assert_eq!(response.error_code(), None);
    }

    #[test]
    fn elements_are_found_in_order() {
        assert_eq!(elements("<a>1</a><b/><a> 2 </a>", "a").collect::<Vec<_>>(), ["1", "2"]);
    }
}
