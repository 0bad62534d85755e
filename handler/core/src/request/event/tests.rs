use super::*;

fn event(extra: &Value) -> Value {
    let mut event = json!({
        "RequestType": "Create",
        "RequestId": "r",
        "ResponseURL": "https://b.s3.amazonaws.com/k?X-Amz-Date=19700101T000100Z",
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a",
        "ResourceType": "Custom::KarpenterPrereqs",
        "LogicalResourceId": "Prereqs",
        "ResourceProperties": {"ClusterName": "demo", "ServiceTimeout": "120"},
    });
    for (key, value) in extra.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

#[test]
fn create_event_has_date_and_timeout() {
    let event = event(&json!({}));
    let envelope = Envelope::read(&event).unwrap();
    assert_eq!(envelope.service_timeout, 120);
    assert_eq!(envelope.deadline().map(|at| at.to_string()).as_deref(), Some("1970-01-01T00:03:00Z"));
    let request = Request::read(event).unwrap();
    assert_eq!(request.operation, Operation::Create);
    assert_eq!(request.properties["ClusterName"], "demo");
}

#[test]
fn event_without_a_date_has_no_deadline() {
    // The second URL has the latest second that jiff can represent, so its deadline cannot be represented.
    for url in ["https://b.s3.amazonaws.com/k", "https://b.s3.amazonaws.com/k?X-Amz-Date=99991230T220000Z"] {
        assert_eq!(Envelope::read(&event(&json!({"ResponseURL": url}))).unwrap().deadline(), None, "{url}");
    }
}

#[test]
fn sns_record_is_unwrapped_to_its_message() {
    let inner = event(&json!({}));
    let wrapped = json!({"Records": [{"Sns": {"Message": inner.to_string()}}]});
    assert_eq!(unwrap_sns(wrapped), inner);
    assert_eq!(unwrap_sns(inner.clone()), inner);
}

#[test]
fn envelope_without_required_field_names_the_field() {
    for field in ["ResponseURL", "StackId", "RequestId", "LogicalResourceId"] {
        for invalid in [Value::Null, json!(""), json!(7)] {
            let error = Envelope::read(&event(&json!({field: invalid}))).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}

#[test]
fn invalid_envelope_with_url_is_read_partially() {
    for field in ["StackId", "RequestId", "LogicalResourceId"] {
        let envelope = Envelope::read_partial(&event(&json!({field: null}))).unwrap();
        let all = [&envelope.stack_id, &envelope.request_id, &envelope.logical_resource_id];
        assert_eq!(all.iter().filter(|text| **text == "unknown").count(), 1, "{field}");
    }
    let china = json!({"StackId": "?", "ResponseURL": "https://b.s3.cn-north-1.amazonaws.com.cn/k"});
    assert_eq!(Envelope::read_partial(&china).unwrap().scope.partition.name(), "aws-cn");
    assert_eq!(Envelope::read_partial(&event(&json!({"ResponseURL": ""}))), None);
}

#[test]
fn invalid_request_keeps_valid_envelope() {
    let invalid = [
        json!({"RequestType": "Upsert"}),
        json!({"RequestType": null}),
        json!({"ResourceProperties": "text"}),
        json!({"RequestType": "Update"}),
    ];
    for invalid in invalid {
        let event = event(&invalid);
        assert!(Envelope::read(&event).is_ok(), "{invalid}");
        assert!(Request::read(event).is_err(), "{invalid}");
    }
    let none = event(&json!({"ResourceProperties": null}));
    assert_eq!(Request::read(none).unwrap().properties, Map::new());
}

#[test]
fn service_timeout_out_of_range_is_the_default() {
    for invalid in [json!("0"), json!("3601"), json!("soon"), json!(null), json!(["1"])] {
        let event = event(&json!({"ResourceProperties": {"ServiceTimeout": invalid}}));
        assert_eq!(Envelope::read(&event).unwrap().service_timeout, 3600);
    }
}
