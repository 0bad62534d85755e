//! Generates events. Most are as CloudFormation sends them, with one or two unusual fields.

use crate::choices::Choices;
use serde_json::{Map, Value, json};

/// The text fields of an event, with valid values.
const FIELDS: [(&str, &[&str]); 7] = [
    ("RequestType", &["Create", "Update", "Delete"]),
    ("ResponseURL", &URLS),
    ("StackId", &STACKS),
    ("RequestId", &["8d2a1b6e-2f3c-4b5d-9e7f-0123456789ab", "r"]),
    ("ResourceType", &["Custom::KarpenterPrereqs", "AWS::CloudFormation::CustomResource"]),
    ("LogicalResourceId", &["Prereqs", "P"]),
    ("PhysicalResourceId", &["karpenter-prereqs/v1/demo/0c95e1b67fc6ffb5ddec3ed672c57e88", "s-Prereqs-1ABCDEF"]),
];

const URLS: [&str; 9] = [
    "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com/k?X-Amz-Date=20260102T030405Z&X-Amz-Signature=s",
    "https://b.s3.amazonaws.com/k?AWSAccessKeyId=A&Expires=1458241868&Signature=s",
    "https://b.s3.cn-north-1.amazonaws.com.cn/k?Expires=-9223372036854775808",
    "https://b.s3.amazonaws.com/k?X-Amz-Date=00000101T000000Z",
    "https://b.s3.amazonaws.com/k?X-Amz-Date=99991231T235960Z&x-amz-date=é",
    "https://b.s3.amazonaws.com/k?Expires=9223372036854775807",
    "http://user:pass@127.0.0.1:8080/k#?X-Amz-Date=é0260102T030405Z",
    "HTTPS://[::1]\\s3.amazonaws.com@?",
    "://",
];

const STACKS: [&str; 3] = [
    "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a",
    "arn:aws-cn:cloudformation:cn-north-1:111122223333:stack/name-with-dashes/51af3dc0-da77-11e4-872e-1234567db123",
    "arn:aws-us-gov:cloudformation:us-gov-west-1:111122223333:stack/s/0a",
];

/// An event, and how the handler must read it.
pub(super) struct Sample {
    /// The event that is sent.
    pub(super) sent: Value,
    /// The same event, or the event inside of a message of SNS.
    pub(super) expected: Value,
}

/// Returns an event.
pub(super) fn event(choices: &mut Choices<'_>) -> Sample {
    let wrapping = choices.below(12);
    let mut mutations = choices.split_off(24);
    let mut event = Map::new();
    for (field, valid) in FIELDS {
        let is_unusual = choices.one_in(12);
        let value = if is_unusual { unusual_value(&mut mutations) } else { Some(Value::from(choices.pick(valid))) };
        if let Some(value) = value {
            event.insert(field.to_owned(), value);
        }
    }
    for field in ["ResourceProperties", "OldResourceProperties"] {
        let is_unusual = choices.one_in(8);
        let value = if is_unusual { unusual_value(&mut mutations) } else { Some(properties(choices)) };
        if let Some(value) = value {
            event.insert(field.to_owned(), value);
        }
    }
    if choices.one_in(8) {
        event.insert(unusual_text(&mut mutations), nested(&mut mutations));
    }
    let event = match wrapping {
        10 => unusual_value(&mut mutations).unwrap_or_default(),
        _ => Value::Object(event),
    };
    let sent = match wrapping {
        8 => json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event.to_string()}}]}),
        9 => json!({"Records": [{"Sns": {"Message": choices.pick(&["", "{", "not JSON", "\u{0}"])}}]}),
        11 => choices
            .pick(&["[]", "{\"Records\": {}}", "{\"Records\": [{\"Sns\": {\"Message\": {}}}]}"])
            .parse()
            .unwrap_or_default(),
        _ => event.clone(),
    };
    let expected = if wrapping == 8 { event } else { sent.clone() };
    Sample { sent, expected }
}

/// Returns properties, some of them with an unusual `ServiceTimeout`.
fn properties(choices: &mut Choices<'_>) -> Value {
    let mut properties =
        json!({"ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:f", "ClusterName": "demo"});
    if choices.one_in(2) {
        properties["ServiceTimeout"] = choices
            .pick(&["\"60\"", "60", "\"0\"", "-1", "3601", "\" 5 \"", "1e3", "\"99999999999999999999\"", "null", "[1]"])
            .parse()
            .unwrap_or_default();
    }
    if choices.one_in(4) {
        properties["NodeRoleName"] = choices.pick(&["n", "no name!", ""]).into();
    }
    properties
}

/// Returns a value of another type, an empty value or an unusual text. `None`: the field is missing.
fn unusual_value(choices: &mut Choices<'_>) -> Option<Value> {
    Some(match choices.below(10) {
        0 => return None,
        1 => Value::Null,
        2 => Value::from(""),
        3 => json!(7),
        4 => json!([unusual_text(choices)]),
        5 => json!({"a": {"b": unusual_text(choices)}}),
        6 => nested(choices),
        _ => Value::from(unusual_text(choices)),
    })
}

/// Returns a text that can be long, and can have control characters, quotes, and characters of several bytes or without width.
pub(super) fn unusual_text(choices: &mut Choices<'_>) -> String {
    const PIECES: [&str; 16] = [
        "x",
        "\u{0}",
        "\n",
        "\u{1b}[31m",
        "\"",
        "\\",
        "é",
        "🚀",
        "\u{202e}",
        "\u{feff}",
        "\u{85}",
        "a\u{301}",
        "\u{7f}",
        " ",
        "arn:aws:",
        "https://",
    ];
    let mut text = String::new();
    for _ in 0..=choices.below(4) {
        let times = choices.pick(&[1, 1, 1, 1, 1, 1, 1, 1, 2, 7, 63, 256, 1023, 1024, 1025, 4096]);
        let times = if choices.one_in(64) { 20_000 } else { times };
        text += &choices.pick(&PIECES).repeat(times);
    }
    text
}

/// Returns lists or maps in each other, up to 100 levels. The runtime's parser accepts that depth.
fn nested(choices: &mut Choices<'_>) -> Value {
    let is_list = choices.one_in(2);
    let depth = choices.pick(&[1, 5, 100]);
    (0..depth).fold(Value::from("x"), |inner, _| if is_list { json!([inner]) } else { json!({"Records": inner}) })
}
