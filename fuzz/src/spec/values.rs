//! Values of every property, good and bad beyond doubt, by the words of the property table and AWS's own limits.

use crate::choices::Choices;
use serde_json::{Value, json};

/// A property, and how its good and bad values are made.
pub(super) type Values = (&'static str, fn(&mut Choices<'_>) -> Value, fn(&mut Choices<'_>) -> Value);

/// Every property.
pub(super) const VALUES: [Values; 26] = [
    ("ClusterName", cluster, |choices| odd(choices, &["-demo", "_demo", "de mo", "démo", "demo\n", "a/b"], 101)),
    (
        "KarpenterVersion",
        |choices| {
            list(choices, |choices| {
                choices.pick(&["1.14.1", "v1.0", "0.37", "baseline", "1.2.0", "2.0", "0.5.1"]).to_owned()
            })
        },
        |choices| bad_list(choices, &["1.1", "1.2", "v1.1", "latest", "0.38", "1", "1.x", "01.3", "1.0.0-rc.1"]),
    ),
    (
        "Namespace",
        |choices| text(choices, "k", "abz09-", 63),
        |choices| odd(choices, &["K", "-k", "k-", "k.k", "k_k"], 64),
    ),
    ("ServiceAccount", account, |choices| odd(choices, &["K", "k..k", ".k", "k.", "k/k", &"k".repeat(64)], 254)),
    (
        "ControllerIdentity",
        |choices| list(choices, |choices| choices.pick(&["IRSA", "PodIdentity"]).to_owned()),
        |choices| bad_list(choices, &["irsa", "Pod Identity", "IRSA;PodIdentity"]),
    ),
    (
        "OidcProvider",
        |choices| word(choices, &["Require", "Create"]),
        |choices| odd(choices, &["require", "true", "Create "], 20),
    ),
    (
        "NodeAccess",
        |choices| word(choices, &["Auto", "AwsAuth", "AccessEntry", "None"]),
        |choices| odd(choices, &["auto", "Auto ", "awsauth"], 20),
    ),
    (
        "NodeRoleName",
        |choices| iam_name(choices, 64),
        |choices| odd(choices, &["a/b", "a b", "ä", "a:b", "a\u{0}"], 65),
    ),
    ("ControllerRoleName", |choices| iam_name(choices, 64), |choices| odd(choices, &["a/b", "a b", "ä", "*"], 65)),
    ("InstanceProfileName", |choices| iam_name(choices, 128), |choices| odd(choices, &["a/b", "a b", "ä", "\n"], 129)),
    ("NodeRoleArn", role_arn, bad_role_arn),
    ("NodePolicyArns", |choices| list(choices, policy_arn), |choices| bad_list(choices, &BAD_POLICIES)),
    ("ControllerPolicyArns", |choices| list(choices, policy_arn), |choices| bad_list(choices, &BAD_POLICIES)),
    (
        "RolePath",
        |choices| choices.pick(&["/", "/a/", "/team/a+b=c,d.e@f-g_h/", &format!("/{}/", "p".repeat(510))]).into(),
        |choices| {
            let long = format!("/{}/", "p".repeat(511));
            odd(choices, &["a", "/a", "a/", "//", "/a//b/", "/ä/", "/a b/", &long], 513)
        },
    ),
    ("PermissionsBoundary", |choices| policy_arn(choices).into(), |choices| odd(choices, &BAD_POLICIES, 100)),
    ("Tags", tags, bad_tags),
    (
        "DiscoveryTagKey",
        |choices| text(choices, "k", "ab/.: ö", 126),
        |choices| odd(choices, &["a=b", "aws:a", "AWS:a", "karpenter-prereqs/x", "a\u{7}"], 127),
    ),
    (
        "DiscoveryTagValue",
        |choices| text(choices, "v", "ab/.: ö=", 128),
        |choices| odd(choices, &["a\nb", "\u{85}"], 129),
    ),
    (
        "SubnetIds",
        |choices| list(choices, |choices| ec2_id(choices, "subnet-")),
        |choices| bad_list(choices, &["sg-0123456789abcdef0", "subnet-", "subnet-0123456G"]),
    ),
    (
        "SecurityGroupIds",
        |choices| list(choices, |choices| ec2_id(choices, "sg-")),
        |choices| bad_list(choices, &["subnet-01234567", "sg-0123456", "sg-0123456789abcdef01"]),
    ),
    ("TagConflict", |choices| word(choices, &["Fail", "Skip"]), |choices| odd(choices, &["fail", "Overwrite"], 20)),
    (
        "InterruptionQueueArn",
        |choices| {
            let name = choices.pick(&["q", "a-b_c.fifo", &"q".repeat(80)]).to_owned();
            // Of the judge's own stack: any other is nowhere that Karpenter looks.
            format!("arn:aws:sqs:us-east-1:111122223333:{name}").into()
        },
        |choices| {
            let long = format!("arn:aws:sqs:us-east-1:111122223333:{}", "q".repeat(81));
            let odd_ones = [
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
            odd(choices, &odd_ones, 100)
        },
    ),
    ("KubernetesRoleArn", role_arn, bad_role_arn),
    ("ExistingObjects", |choices| word(choices, &["Fail", "Adopt"]), |choices| odd(choices, &["adopt", "Keep"], 20)),
    (
        "RunningNodes",
        |choices| word(choices, &["Fail", "Ignore"]),
        |choices| odd(choices, &["ignore", "Terminate"], 20),
    ),
    ("Revision", |choices| choices.pick(&["1", "\u{0}", "2026-01-02", "🚀"]).into(), shape),
];

const BAD_POLICIES: [&str; 6] = [
    "AmazonEKSWorkerNodePolicy",
    "arn:aws:iam::aws:policy/",
    "arn:aws:iam::aws:role/r",
    "arn:aws:iam::1:policy/p",
    "arn:aws:s3:::b",
    "arn:aws\n:iam::aws:policy/p",
];

/// Text that is no value of the property: one of these, or one of `length` characters, or no text at all.
fn odd(choices: &mut Choices<'_>, odd: &[&str], length: usize) -> Value {
    match choices.below(4) {
        0 => "x".repeat(length).into(),
        1 => shape(choices),
        _ => choices.pick(odd).into(),
    }
}

/// What is no text and no list of texts.
fn shape(choices: &mut Choices<'_>) -> Value {
    choices.pick(&[r#"{"a": "b"}"#, r#"[{"a": "b"}]"#, r#"[["a"]]"#, "{}"]).parse().unwrap_or_default()
}

/// `first`, and up to `most` characters in all out of `others`.
fn text(choices: &mut Choices<'_>, first: &str, others: &str, most: usize) -> Value {
    let others: Vec<char> = others.chars().collect();
    let length = choices.pick(&[1, 5, most - 1, most]);
    let mut text = first.to_owned();
    text.extend((1..length).map(|_| choices.pick(&others)));
    // No name of Kubernetes ends in a dash.
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

fn iam_name(choices: &mut Choices<'_>, most: usize) -> Value {
    match choices.below(6) {
        0 => json!(14),
        1 => json!(false),
        2 => json!(1.5),
        _ => text(choices, "r", "aZ0_+=,.@-", most),
    }
}

fn role_arn(choices: &mut Choices<'_>) -> Value {
    let partition = choices.pick(&["aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"]);
    let path = choices.pick(&["", "a/", "a/b/", &format!("{}/", "p".repeat(510))]).to_owned();
    let name = iam_name(choices, 64);
    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
    format!("arn:{partition}:iam::111122223333:role/{path}{name}").into()
}

fn bad_role_arn(choices: &mut Choices<'_>) -> Value {
    let long_name = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(65));
    let long_path = format!("arn:aws:iam::111122223333:role/{}/r", "p".repeat(600));
    let long_partition = format!("arn:aws{}:iam::111122223333:role/r", "-x".repeat(600));
    let odd_ones = [
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
    odd(choices, &odd_ones, 100)
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

/// A list, or texts with commas between.
fn list(choices: &mut Choices<'_>, item: fn(&mut Choices<'_>) -> String) -> Value {
    let items: Vec<String> = (0..=choices.below(4)).map(|_| item(choices)).collect();
    match choices.below(3) {
        0 => items.join(",").into(),
        1 => items.join(" , ").into(),
        _ => items.into(),
    }
}

/// A list with a bad item, in one of its shapes.
fn bad_list(choices: &mut Choices<'_>, odd_ones: &[&str]) -> Value {
    match choices.below(4) {
        0 => shape(choices),
        1 => json!([choices.pick(odd_ones)]),
        _ => choices.pick(odd_ones).into(),
    }
}

/// A map, or a list of `Key` and `Value`.
fn tags(choices: &mut Choices<'_>) -> Value {
    let count = choices.pick(&[1, 2, 48]);
    let pairs: Vec<(String, Value)> = (0..count)
        .map(|number| {
            let value = choices.pick(&["", "v", "a b:c/d=e+f-g@h", "größe"]);
            (format!("k{number}"), if choices.rarely(4) { json!(choices.below(20)) } else { value.into() })
        })
        .collect();
    match choices.below(2) {
        0 => Value::Object(pairs.into_iter().collect()),
        _ => pairs.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect(),
    }
}

fn bad_tags(choices: &mut Choices<'_>) -> Value {
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
