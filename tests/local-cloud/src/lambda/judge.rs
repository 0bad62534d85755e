//! The rules of CloudFormation for a response. They come from its documentation and from observed behaviour, and do not use
//! the function's types.

use hyper::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};
use serde_json::{Map, Value};

use super::event::EventIds;

/// Returns the rules that one PUT violates. Empty if CloudFormation accepts it.
pub(crate) fn judge(method: &Method, headers: &HeaderMap, body: &[u8], ids: &EventIds) -> Vec<String> {
    let mut violations = Violations(Vec::new());
    violations.unless(method == Method::PUT, || format!("the method is {method}, not PUT"));
    judge_headers(headers, body.len(), &mut violations);
    violations.unless(body.len() <= LARGEST_BODY, || {
        format!("the body has {} bytes, the maximum is {LARGEST_BODY}", body.len())
    });
    match serde_json::from_slice(body) {
        Ok(Value::Object(response)) => judge_response(&response, ids, &mut violations),
        Ok(_) => violations.add("the body is JSON, but not an object"),
        Err(error) => violations.add(format!("the body is not JSON: {error}")),
    }
    violations.0
}

fn judge_headers(headers: &HeaderMap, length: usize, violations: &mut Violations) {
    // The header is signed in a SigV2 URL, as an empty one.
    let content_type = headers.get(CONTENT_TYPE);
    violations.unless(content_type.is_none_or(hyper::http::HeaderValue::is_empty), || {
        format!("Content-Type is {content_type:?}, but must be empty or absent")
    });
    // S3 rejects chunks with 501 NotImplemented.
    violations.unless(!headers.contains_key(TRANSFER_ENCODING), || "the body is sent in chunks".to_owned());
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    violations.unless(announced == Some(length), || {
        format!("Content-Length is {announced:?}, but the body has {length} bytes")
    });
}

fn judge_response(response: &Map<String, Value>, ids: &EventIds, violations: &mut Violations) {
    for name in response.keys() {
        violations.unless(FIELDS.contains(&name.as_str()), || format!("{name} is not a field of a response"));
    }
    let status = response.get("Status").and_then(Value::as_str);
    violations.unless(matches!(status, Some("SUCCESS" | "FAILED")), || {
        format!("Status is {}, but must be SUCCESS or FAILED", display(response.get("Status")))
    });
    judge_reason(response.get("Reason"), status == Some("FAILED"), violations);

    let physical = response.get("PhysicalResourceId").and_then(Value::as_str).unwrap_or_default();
    violations.unless(!physical.is_empty(), || {
        let found = display(response.get("PhysicalResourceId"));
        format!("PhysicalResourceId is {found}, but must be a string that is not empty")
    });
    violations.unless(physical.len() <= LONGEST_PHYSICAL_ID, || {
        format!("PhysicalResourceId has {} bytes, the maximum is {LONGEST_PHYSICAL_ID}", physical.len())
    });
    for (name, expected) in
        [("StackId", &ids.stack_id), ("RequestId", &ids.request_id), ("LogicalResourceId", &ids.logical_resource_id)]
    {
        violations.unless(response.get(name).and_then(Value::as_str) == Some(expected), || {
            format!("{name} is {}, but the request has {expected:?}", display(response.get(name)))
        });
    }
    violations.unless(response.get("NoEcho").is_none_or(Value::is_boolean), || {
        format!("NoEcho is {}, but must be true or false", display(response.get("NoEcho")))
    });
    match response.get("Data") {
        None => {}
        Some(Value::Object(data)) => {
            for (name, value) in data {
                violations.unless(value.is_string(), || format!("Data.{name} is {value}, but must be a string"));
            }
        }
        Some(other) => violations.add(format!("Data is {other}, but must be an object")),
    }
}

fn judge_reason(reason: Option<&Value>, failed: bool, violations: &mut Violations) {
    match reason {
        Some(Value::String(text)) => {
            violations
                .unless(!failed || !text.trim().is_empty(), || "Status is FAILED, and Reason is empty".to_owned());
            // A control character makes DescribeStackEvents and the console fail for the whole stack.
            violations
                .unless(!text.chars().any(char::is_control), || format!("Reason has a control character: {text:?}"));
        }
        None => violations.unless(!failed, || "Status is FAILED, and there is no Reason".to_owned()),
        Some(other) => violations.add(format!("Reason is {other}, but must be a string or absent")),
    }
}

struct Violations(Vec<String>);

impl Violations {
    fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }
}

fn display(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), Value::to_string)
}

/// Inclusive, in bytes.
const LARGEST_BODY: usize = 4096;

const LONGEST_PHYSICAL_ID: usize = 1024;

const FIELDS: [&str; 8] =
    ["Status", "Reason", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId", "NoEcho", "Data"];

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn ids() -> EventIds {
        EventIds {
            stack_id: "arn:stack".to_owned(),
            logical_resource_id: "Prereqs".to_owned(),
            request_id: "r-1".to_owned(),
        }
    }

    fn good() -> Value {
        json!({
            "Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": "arn:stack", "RequestId": "r-1",
            "LogicalResourceId": "Prereqs", "Data": {"A": "x"}, "NoEcho": false,
        })
    }

    fn headers(length: usize) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(""));
        headers
    }

    /// Checks a good PUT with changes in its body. `null` in a change is the value null.
    fn violations_with(changes: &Value) -> Vec<String> {
        let mut body = good();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        violations_of(&body.to_string())
    }

    fn violations_of(body: &str) -> Vec<String> {
        judge(&Method::PUT, &headers(body.len()), body.as_bytes(), &ids())
    }

    fn without(name: &str) -> Vec<String> {
        let mut body = good();
        body.as_object_mut().unwrap().remove(name);
        violations_of(&body.to_string())
    }

    #[track_caller]
    fn assert_one_violation(violations: &[String], words: &str) {
        assert_eq!(violations.len(), 1, "one rule is violated: {violations:?}");
        assert!(violations[0].contains(words), "{violations:?}");
    }

    #[test]
    fn good_responses_have_no_violations() {
        assert_eq!(violations_with(&json!({})), [""; 0]);
        assert_eq!(violations_with(&json!({"Status": "FAILED", "Reason": "no cluster: é"})), [""; 0]);
        assert_eq!(without("Data"), [""; 0]);
        assert_eq!(without("NoEcho"), [""; 0]);
        let body = good().to_string();
        let mut bare = headers(body.len());
        bare.remove(CONTENT_TYPE);
        assert_eq!(judge(&Method::PUT, &bare, body.as_bytes(), &ids()), [""; 0]);
    }

    #[test]
    fn body_limit_is_4096_bytes_inclusive() {
        let room = LARGEST_BODY - body_len();
        let padded = |length: usize| violations_with(&json!({"Data": {"A": "x".repeat(length)}}));
        assert_eq!(padded(room), [""; 0]);
        assert_one_violation(&padded(room + 1), "4097 bytes");
        // The limit is in bytes, not in characters.
        assert!(!violations_with(&json!({"Data": {"A": "é".repeat(room / 2 + 1)}})).is_empty());
    }

    fn body_len() -> usize {
        let mut body = good();
        body["Data"] = json!({"A": ""});
        body.to_string().len()
    }

    #[test]
    fn wrong_requests_are_violations() {
        let body = good().to_string();
        assert_one_violation(&judge(&Method::POST, &headers(body.len()), body.as_bytes(), &ids()), "method is POST");
        let mut typed = headers(body.len());
        typed.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_one_violation(&judge(&Method::PUT, &typed, body.as_bytes(), &ids()), "Content-Type");
        let mut chunked = headers(body.len());
        chunked.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        assert_one_violation(&judge(&Method::PUT, &chunked, body.as_bytes(), &ids()), "chunks");
        let unannounced = HeaderMap::new();
        assert_one_violation(&judge(&Method::PUT, &unannounced, body.as_bytes(), &ids()), "Content-Length");
    }

    #[test]
    fn wrong_bodies_are_violations() {
        assert_one_violation(&violations_of(""), "not JSON");
        assert_one_violation(&violations_of("{\"Status\":"), "not JSON");
        assert_one_violation(&violations_of("[]"), "not an object");
        assert_one_violation(&violations_with(&json!({"physicalId": "x"})), "not a field");
    }

    #[test]
    fn every_field_has_a_rule() {
        assert_one_violation(&without("Status"), "Status is absent");
        assert_one_violation(&violations_with(&json!({"Status": "FAILURE"})), "Status is \"FAILURE\"");
        assert_one_violation(&violations_with(&json!({"Status": "FAILED"})), "there is no Reason");
        assert_one_violation(&violations_with(&json!({"Status": "FAILED", "Reason": " "})), "Reason is empty");
        assert_one_violation(&violations_with(&json!({"Reason": null})), "Reason is null");
        assert_one_violation(&violations_with(&json!({"Reason": "a\u{1b}[31mb"})), "control character");
        assert_one_violation(&violations_with(&json!({"Reason": "a\nb"})), "control character");
        assert_one_violation(&without("PhysicalResourceId"), "PhysicalResourceId is absent");
        assert_one_violation(&violations_with(&json!({"PhysicalResourceId": ""})), "not empty");
        assert_one_violation(&violations_with(&json!({"PhysicalResourceId": "é".repeat(513)})), "1026 bytes");
        assert_one_violation(&violations_with(&json!({"StackId": "arn:other"})), "StackId");
        assert_one_violation(&without("RequestId"), "RequestId is absent");
        assert_one_violation(&violations_with(&json!({"LogicalResourceId": "prereqs"})), "LogicalResourceId");
        assert_one_violation(&violations_with(&json!({"NoEcho": "false"})), "NoEcho");
        assert_one_violation(&violations_with(&json!({"Data": null})), "Data is null");
        assert_one_violation(&violations_with(&json!({"Data": {"A": {"B": "c"}}})), "Data.A");
        assert_one_violation(&violations_with(&json!({"Data": {"A": 1}})), "Data.A");
    }
}
