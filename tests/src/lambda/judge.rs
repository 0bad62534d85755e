//! What `CloudFormation` takes for an answer, rule by rule. Written from its documentation and from
//! what it was seen to refuse, and on purpose without the function's own types.

use hyper::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};
use serde_json::{Map, Value};

use super::event::EventIds;

/// What is wrong with one PUT. Nothing, if `CloudFormation` takes it.
pub(crate) fn judge(method: &Method, headers: &HeaderMap, body: &[u8], ids: &EventIds) -> Vec<String> {
    let mut wrong = Wrong(Vec::new());
    wrong.unless(method == Method::PUT, || format!("the method is {method}, not PUT"));
    judge_headers(headers, body.len(), &mut wrong);
    wrong.unless(body.len() <= LARGEST_BODY, || {
        format!("the body has {} bytes, {LARGEST_BODY} are the most", body.len())
    });
    match serde_json::from_slice(body) {
        Ok(Value::Object(answer)) => judge_answer(&answer, ids, &mut wrong),
        Ok(_) => wrong.add("the body is JSON, but no object"),
        Err(error) => wrong.add(format!("the body is no JSON: {error}")),
    }
    wrong.0
}

fn judge_headers(headers: &HeaderMap, length: usize, wrong: &mut Wrong) {
    // Part of what is signed in a SigV2 URL, and signed as empty.
    let content_type = headers.get(CONTENT_TYPE);
    wrong.unless(content_type.is_none_or(hyper::http::HeaderValue::is_empty), || {
        format!("Content-Type is {content_type:?}, and must be empty or absent")
    });
    // S3 refuses chunks with 501 NotImplemented.
    wrong.unless(!headers.contains_key(TRANSFER_ENCODING), || "the body is sent in chunks".to_owned());
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    wrong.unless(announced == Some(length), || {
        format!("Content-Length is {announced:?}, and the body has {length} bytes")
    });
}

fn judge_answer(answer: &Map<String, Value>, ids: &EventIds, wrong: &mut Wrong) {
    for name in answer.keys() {
        wrong.unless(FIELDS.contains(&name.as_str()), || format!("{name} is no field of an answer"));
    }
    let status = answer.get("Status").and_then(Value::as_str);
    wrong.unless(matches!(status, Some("SUCCESS" | "FAILED")), || {
        format!("Status is {}, and must be SUCCESS or FAILED", shown(answer.get("Status")))
    });
    judge_reason(answer.get("Reason"), status == Some("FAILED"), wrong);

    let physical = answer.get("PhysicalResourceId").and_then(Value::as_str).unwrap_or_default();
    wrong.unless(!physical.is_empty(), || {
        let found = shown(answer.get("PhysicalResourceId"));
        format!("PhysicalResourceId is {found}, and must be a string that is not empty")
    });
    wrong.unless(physical.len() <= LONGEST_PHYSICAL_ID, || {
        format!("PhysicalResourceId has {} bytes, {LONGEST_PHYSICAL_ID} are the most", physical.len())
    });
    for (name, expected) in
        [("StackId", &ids.stack_id), ("RequestId", &ids.request_id), ("LogicalResourceId", &ids.logical_resource_id)]
    {
        wrong.unless(answer.get(name).and_then(Value::as_str) == Some(expected), || {
            format!("{name} is {}, and the request's is {expected:?}", shown(answer.get(name)))
        });
    }
    wrong.unless(answer.get("NoEcho").is_none_or(Value::is_boolean), || {
        format!("NoEcho is {}, and must be true or false", shown(answer.get("NoEcho")))
    });
    match answer.get("Data") {
        None => {}
        Some(Value::Object(data)) => {
            for (name, value) in data {
                wrong.unless(value.is_string(), || format!("Data.{name} is {value}, and must be a string"));
            }
        }
        Some(other) => wrong.add(format!("Data is {other}, and must be an object")),
    }
}

fn judge_reason(reason: Option<&Value>, failed: bool, wrong: &mut Wrong) {
    match reason {
        Some(Value::String(text)) => {
            wrong.unless(!failed || !text.trim().is_empty(), || "Status is FAILED, and Reason is empty".to_owned());
            // One of them makes DescribeStackEvents and the console fail for the whole stack.
            wrong.unless(!text.chars().any(char::is_control), || format!("Reason has a control character: {text:?}"));
        }
        None => wrong.unless(!failed, || "Status is FAILED, and there is no Reason".to_owned()),
        Some(other) => wrong.add(format!("Reason is {other}, and must be a string or absent")),
    }
}

struct Wrong(Vec<String>);

impl Wrong {
    fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), Value::to_string)
}

/// Inclusive, and of bytes.
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

    /// Judges a good PUT with `changes` in its body; `null` in a change stands for itself.
    fn verdict(changes: &Value) -> Vec<String> {
        let mut body = good();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        verdict_on(&body.to_string())
    }

    fn verdict_on(body: &str) -> Vec<String> {
        judge(&Method::PUT, &headers(body.len()), body.as_bytes(), &ids())
    }

    fn without(name: &str) -> Vec<String> {
        let mut body = good();
        body.as_object_mut().unwrap().remove(name);
        verdict_on(&body.to_string())
    }

    #[track_caller]
    fn red(verdict: &[String], words: &str) {
        assert_eq!(verdict.len(), 1, "one rule is broken: {verdict:?}");
        assert!(verdict[0].contains(words), "{verdict:?}");
    }

    #[test]
    fn good_answers_are_green() {
        assert_eq!(verdict(&json!({})), [""; 0]);
        assert_eq!(verdict(&json!({"Status": "FAILED", "Reason": "no cluster: é"})), [""; 0]);
        assert_eq!(without("Data"), [""; 0]);
        assert_eq!(without("NoEcho"), [""; 0]);
        let body = good().to_string();
        let mut bare = headers(body.len());
        bare.remove(CONTENT_TYPE);
        assert_eq!(judge(&Method::PUT, &bare, body.as_bytes(), &ids()), [""; 0]);
    }

    #[test]
    fn the_limit_is_4096_bytes_inclusive() {
        let room = LARGEST_BODY - verdict_body_len();
        let padded = |length: usize| verdict(&json!({"Data": {"A": "x".repeat(length)}}));
        assert_eq!(padded(room), [""; 0]);
        red(&padded(room + 1), "4097 bytes");
        // Bytes, not characters.
        assert!(!verdict(&json!({"Data": {"A": "é".repeat(room / 2 + 1)}})).is_empty());
    }

    fn verdict_body_len() -> usize {
        let mut body = good();
        body["Data"] = json!({"A": ""});
        body.to_string().len()
    }

    #[test]
    fn requests_of_another_form_are_red() {
        let body = good().to_string();
        red(&judge(&Method::POST, &headers(body.len()), body.as_bytes(), &ids()), "method is POST");
        let mut typed = headers(body.len());
        typed.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        red(&judge(&Method::PUT, &typed, body.as_bytes(), &ids()), "Content-Type");
        let mut chunked = headers(body.len());
        chunked.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        red(&judge(&Method::PUT, &chunked, body.as_bytes(), &ids()), "chunks");
        let unannounced = HeaderMap::new();
        red(&judge(&Method::PUT, &unannounced, body.as_bytes(), &ids()), "Content-Length");
    }

    #[test]
    fn bodies_of_another_form_are_red() {
        red(&verdict_on(""), "no JSON");
        red(&verdict_on("{\"Status\":"), "no JSON");
        red(&verdict_on("[]"), "no object");
        red(&verdict(&json!({"physicalId": "x"})), "no field");
    }

    #[test]
    fn every_field_has_its_rule() {
        red(&without("Status"), "Status is absent");
        red(&verdict(&json!({"Status": "FAILURE"})), "Status is \"FAILURE\"");
        red(&verdict(&json!({"Status": "FAILED"})), "there is no Reason");
        red(&verdict(&json!({"Status": "FAILED", "Reason": " "})), "Reason is empty");
        red(&verdict(&json!({"Reason": null})), "Reason is null");
        red(&verdict(&json!({"Reason": "a\u{1b}[31mb"})), "control character");
        red(&verdict(&json!({"Reason": "a\nb"})), "control character");
        red(&without("PhysicalResourceId"), "PhysicalResourceId is absent");
        red(&verdict(&json!({"PhysicalResourceId": ""})), "not empty");
        red(&verdict(&json!({"PhysicalResourceId": "é".repeat(513)})), "1026 bytes");
        red(&verdict(&json!({"StackId": "arn:other"})), "StackId");
        red(&without("RequestId"), "RequestId is absent");
        red(&verdict(&json!({"LogicalResourceId": "prereqs"})), "LogicalResourceId");
        red(&verdict(&json!({"NoEcho": "false"})), "NoEcho");
        red(&verdict(&json!({"Data": null})), "Data is null");
        red(&verdict(&json!({"Data": {"A": {"B": "c"}}})), "Data.A");
        red(&verdict(&json!({"Data": {"A": 1}})), "Data.A");
    }
}
