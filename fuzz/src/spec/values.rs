//! Generates values of every property that are certainly valid or certainly invalid, by the property table and the limits of AWS.

use crate::choices::Choices;
use serde_json::{Value, json};

/// A property, and the generators of its valid and its invalid values.
pub(super) type Values = (&'static str, fn(&mut Choices<'_>) -> Value, fn(&mut Choices<'_>) -> Value);

/// Every property.
pub(super) const VALUES: [Values; 26] = [
    ("ClusterName", cluster, |choices| invalid(choices, &["-demo", "_demo", "de mo", "démo", "demo\n", "a/b"], 101)),
    (
        "KarpenterVersion",
        |choices| {
            list(choices, |choices| {
                choices.pick(&["1.14.1", "v1.0", "0.37", "baseline", "1.2.0", "2.0", "0.5.1"]).to_owned()
            })
        },
        |choices| invalid_list(choices, &["1.1", "1.2", "v1.1", "latest", "0.38", "1", "1.x", "01.3", "1.0.0-rc.1"]),
    ),
    (
        "Namespace",
        |choices| text(choices, "k", "abz09-", 63),
        |choices| invalid(choices, &["K", "-k", "k-", "k.k", "k_k"], 64),
    ),
    ("ServiceAccount", account, |choices| invalid(choices, &["K", "k..k", ".k", "k.", "k/k", &"k".repeat(64)], 254)),
    (
        "ControllerIdentity",
        |choices| list(choices, |choices| choices.pick(&["IRSA", "PodIdentity"]).to_owned()),
        |choices| invalid_list(choices, &["irsa", "Pod Identity", "IRSA;PodIdentity"]),
    ),
    (
        "OidcProvider",
        |choices| word(choices, &["Require", "Create"]),
        |choices| invalid(choices, &["require", "true", "Create "], 20),
    ),
    (
        "NodeAccess",
        |choices| word(choices, &["Auto", "AwsAuth", "AccessEntry", "None"]),
        |choices| invalid(choices, &["auto", "Auto ", "awsauth"], 20),
    ),
    (
        "NodeRoleName",
        |choices| iam_name(choices, 64),
        |choices| invalid(choices, &["a/b", "a b", "ä", "a:b", "a\u{0}"], 65),
    ),
    ("ControllerRoleName", |choices| iam_name(choices, 64), |choices| invalid(choices, &["a/b", "a b", "ä", "*"], 65)),
    (
        "InstanceProfileName",
        |choices| iam_name(choices, 128),
        |choices| invalid(choices, &["a/b", "a b", "ä", "\n"], 129),
    ),
    ("NodeRoleArn", role_arn, invalid_role_arn),
    ("NodePolicyArns", |choices| list(choices, policy_arn), |choices| invalid_list(choices, &INVALID_POLICIES)),
    ("ControllerPolicyArns", |choices| list(choices, policy_arn), |choices| invalid_list(choices, &INVALID_POLICIES)),
    (
        "RolePath",
        |choices| choices.pick(&["/", "/a/", "/team/a+b=c,d.e@f-g_h/", &format!("/{}/", "p".repeat(510))]).into(),
        |choices| {
            let long = format!("/{}/", "p".repeat(511));
            invalid(choices, &["a", "/a", "a/", "//", "/a//b/", "/ä/", "/a b/", &long], 513)
        },
    ),
    ("PermissionsBoundary", |choices| policy_arn(choices).into(), |choices| invalid(choices, &INVALID_POLICIES, 100)),
    ("Tags", tags, invalid_tags),
    (
        "DiscoveryTagKey",
        |choices| text(choices, "k", "ab/.: ö", 126),
        |choices| invalid(choices, &["a=b", "aws:a", "AWS:a", "karpenter-prereqs/x", "a\u{7}"], 127),
    ),
    (
        "DiscoveryTagValue",
        |choices| text(choices, "v", "ab/.: ö=", 128),
        |choices| invalid(choices, &["a\nb", "\u{85}"], 129),
    ),
    (
        "SubnetIds",
        |choices| list(choices, |choices| ec2_id(choices, "subnet-")),
        |choices| invalid_list(choices, &["sg-0123456789abcdef0", "subnet-", "subnet-0123456G"]),
    ),
    (
        "SecurityGroupIds",
        |choices| list(choices, |choices| ec2_id(choices, "sg-")),
        |choices| invalid_list(choices, &["subnet-01234567", "sg-0123456", "sg-0123456789abcdef01"]),
    ),
    ("TagConflict", |choices| word(choices, &["Fail", "Skip"]), |choices| invalid(choices, &["fail", "Overwrite"], 20)),
    (
        "InterruptionQueueArn",
        |choices| {
            let name = choices.pick(&["q", "a-b_c.fifo", &"q".repeat(80)]).to_owned();
            // The account and Region of the judge's stack, because the property accepts no other queue.
            format!("arn:aws:sqs:us-east-1:111122223333:{name}").into()
        },
        |choices| {
            let long = format!("arn:aws:sqs:us-east-1:111122223333:{}", "q".repeat(81));
            let texts = [
                "queue",
                "https://sqs.us-east-1.amazonaws.com/111122223333/q",
                "arn:aws:sns:us-east-1:111122223333:q",
                "arn:aws:sqs::111122223333:q",
                "arn:aws:sqs:us-east-1:1:q",
                "arn:aws:sqs:us-east-1:111122223333:q:r",
                "arn:aws:sqs:us-east-1:111122223333:",
                "arn:aws-cn:sqs:us-east-1:111122223333:q",
                "arn:aws:sqs:eu-west-1:111122223333:q",
                "arn:aws:sqs:us-east-1:444455556666:q",
                &long,
            ];
            invalid(choices, &texts, 100)
        },
    ),
    ("KubernetesRoleArn", role_arn, invalid_role_arn),
    (
        "ExistingObjects",
        |choices| word(choices, &["Fail", "Adopt"]),
        |choices| invalid(choices, &["adopt", "Keep"], 20),
    ),
    (
        "RunningNodes",
        |choices| word(choices, &["Fail", "Ignore"]),
        |choices| invalid(choices, &["ignore", "Terminate"], 20),
    ),
    // Any text is valid, so only a value of another type is invalid.
    ("Revision", |choices| choices.pick(&["1", "\u{0}", "2026-01-02", "🚀"]).into(), other_type),
];

const INVALID_POLICIES: [&str; 6] = [
    "AmazonEKSWorkerNodePolicy",
    "arn:aws:iam::aws:policy/",
    "arn:aws:iam::aws:role/r",
    "arn:aws:iam::1:policy/p",
    "arn:aws:s3:::b",
    "arn:aws\n:iam::aws:policy/p",
];

/// Returns an invalid value: one of these texts, a text of `length` characters, or a value of another type.
fn invalid(choices: &mut Choices<'_>, texts: &[&str], length: usize) -> Value {
    match choices.below(4) {
        0 => "x".repeat(length).into(),
        1 => other_type(choices),
        _ => choices.pick(texts).into(),
    }
}

/// Returns a value that is neither a text nor a list of texts.
fn other_type(choices: &mut Choices<'_>) -> Value {
    choices.pick(&[r#"{"a": "b"}"#, r#"[{"a": "b"}]"#, r#"[["a"]]"#, "{}"]).parse().unwrap_or_default()
}

/// Returns `first`, followed by characters out of `others`, with at most `max` characters in total.
fn text(choices: &mut Choices<'_>, first: &str, others: &str, max: usize) -> Value {
    let others: Vec<char> = others.chars().collect();
    let length = choices.pick(&[1, 5, max - 1, max]);
    let mut text = first.to_owned();
    text.extend((1..length).map(|_| choices.pick(&others)));
    // Names in Kubernetes do not end with a dash.
    if text.ends_with('-') {
        text.pop();
        text.push('a');
    }
    text.into()
}

fn cluster(choices: &mut Choices<'_>) -> Value {
    match choices.below(8) {
        0 => json!(14),
        1 => json!(true),
        2 => json!("1_0"),
        _ => text(choices, "d", "abZ09_-", 100),
    }
}

fn account(choices: &mut Choices<'_>) -> Value {
    choices.pick(&["karpenter", "a.b", "0", "true"]).into()
}

fn word(choices: &mut Choices<'_>, words: &[&str]) -> Value {
    choices.pick(words).into()
}

fn iam_name(choices: &mut Choices<'_>, max: usize) -> Value {
    match choices.below(6) {
        0 => json!(14),
        1 => json!(false),
        2 => json!(1.5),
        _ => text(choices, "r", "aZ0_+=,.@-", max),
    }
}

fn role_arn(choices: &mut Choices<'_>) -> Value {
    let partition = choices.pick(&["aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"]);
    let path = choices.pick(&["", "a/", "a/b/", &format!("{}/", "p".repeat(510))]).to_owned();
    let name = iam_name(choices, 64);
    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
    format!("arn:{partition}:iam::111122223333:role/{path}{name}").into()
}

fn invalid_role_arn(choices: &mut Choices<'_>) -> Value {
    let long_name = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(65));
    let long_path = format!("arn:aws:iam::111122223333:role/{}/r", "p".repeat(600));
    let long_partition = format!("arn:aws{}:iam::111122223333:role/r", "-x".repeat(600));
    let texts = [
        "arn:aws:iam::111122223333:user/u",
        "arn:aws:iam::11112222333:role/r",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/a b",
        "arn:aws\n:iam::111122223333:role/r",
        "arn:aws é:iam::111122223333:role/r",
        "arn:gcp:iam::111122223333:role/r",
        "arn:aws:iam:us-east-1:111122223333:role/r",
        &long_name,
        &long_path,
        &long_partition,
    ];
    invalid(choices, &texts, 100)
}

fn policy_arn(choices: &mut Choices<'_>) -> String {
    let account = choices.pick(&["aws", "111122223333"]);
    let path = choices.pick(&["", "a/", "service-role/"]);
    format!("arn:aws:iam::{account}:policy/{path}P{}", choices.below(4))
}

fn ec2_id(choices: &mut Choices<'_>, prefix: &str) -> String {
    let digits = choices.pick(&["01234567", "0123456789abcdef0", "fedcba9876543210f"]);
    format!("{prefix}{digits}")
}

/// Returns a list, or its items in one text with commas.
fn list(choices: &mut Choices<'_>, item: fn(&mut Choices<'_>) -> String) -> Value {
    let items: Vec<String> = (0..=choices.below(4)).map(|_| item(choices)).collect();
    match choices.below(3) {
        0 => items.join(",").into(),
        1 => items.join(" , ").into(),
        _ => items.into(),
    }
}

/// Returns a list with one invalid item, such an item alone, or a value of another type.
fn invalid_list(choices: &mut Choices<'_>, texts: &[&str]) -> Value {
    match choices.below(4) {
        0 => other_type(choices),
        1 => json!([choices.pick(texts)]),
        _ => choices.pick(texts).into(),
    }
}

/// Returns tags as a map, or as a list of objects with `Key` and `Value`.
fn tags(choices: &mut Choices<'_>) -> Value {
    let count = choices.pick(&[1, 2, 48]);
    let pairs: Vec<(String, Value)> = (0..count)
        .map(|number| {
            let value = choices.pick(&["", "v", "a b:c/d=e+f-g@h", "größe"]);
            (format!("k{number}"), if choices.one_in(4) { json!(choices.below(20)) } else { value.into() })
        })
        .collect();
    match choices.below(2) {
        0 => Value::Object(pairs.into_iter().collect()),
        _ => pairs.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect(),
    }
}

fn invalid_tags(choices: &mut Choices<'_>) -> Value {
    match choices.below(9) {
        0 => json!("a=b"),
        1 => json!({"aws:a": "b"}),
        2 => json!({"karpenter-prereqs/owner": "me"}),
        3 => json!([{"Key": "a"}]),
        4 => json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "1"}]),
        5 => json!({"a": "x".repeat(257)}),
        6 => json!({"x".repeat(129): "a"}),
        7 => Value::Object((0..49).map(|number| (format!("k{number}"), json!("v"))).collect()),
        _ => json!({"a": choices.pick(&["*", "a\nb", "\u{0}"])}),
    }
}
