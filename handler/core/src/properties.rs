//! The property table: the one source of parsing, messages and documentation.
//!
//! CloudFormation hands every scalar over as a string, lists and maps keep their structure. An empty string
//! counts as absent, since `!Ref` of a parameter with an empty default is how templates leave a property out.

use crate::event::RawProperties;
use serde_json::Value;
use std::collections::BTreeMap;

/// Properties that are CloudFormation's own and not in the table.
const CLOUDFORMATIONS_OWN: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// How alike (Jaro-Winkler, 0 to 1) an unknown name must be to a known one to be taken for a slip of it.
const ALIKE: f64 = 0.8;

/// What a property may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text that the rule accepts.
    Text(fn(&str) -> bool),
    /// One of these words, spelled so.
    OneOf(&'static [&'static str]),
    /// A list of texts that the rule accepts, or one text with commas between.
    List(fn(&str) -> bool),
    /// A map of text to text, or a list of maps with `Key` and `Value`.
    Tags,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// The name, as templates spell it.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What holds when it is absent, in words for the documentation; empty when it is required.
    pub default: &'static str,
    /// What it means, in words for the documentation.
    pub text: &'static str,
    /// What a good value is: ends the sentence "`Name` must be …".
    pub must_be: &'static str,
}

/// Every property, in the order of the documentation.
pub const PROPERTIES: &[Property] = &[
    Property {
        name: "ClusterName",
        kind: Kind::Text(is_cluster_name),
        default: "",
        text: "The EKS cluster, in the stack's account and region.",
        must_be: "the name of an EKS cluster: 1 to 100 letters, digits, `-` and `_`, the first a letter or digit",
    },
    Property {
        name: "Namespace",
        kind: Kind::Text(is_dns_label),
        default: "`karpenter`",
        text: "The namespace of Karpenter's service account, for the trust of the controller role.",
        must_be: "a Kubernetes namespace: 1 to 63 lower-case letters, digits and `-`",
    },
    Property {
        name: "ServiceAccount",
        kind: Kind::Text(is_dns_subdomain),
        default: "`karpenter`",
        text: "The name of Karpenter's service account, for the trust of the controller role.",
        must_be: "the name of a Kubernetes service account: 1 to 253 lower-case letters, digits, `-` and `.`",
    },
    Property {
        name: "NodeAccess",
        kind: Kind::OneOf(&["Auto", "AwsAuth", "None"]),
        default: "`Auto`",
        text: "How nodes join the cluster. `AwsAuth`: an entry in the ConfigMap `kube-system/aws-auth`. `None`: you see to it yourself. `Auto`: `AwsAuth` where the cluster's authenticationMode has aws-auth.",
        must_be: "`Auto`, `AwsAuth` or `None`",
    },
    Property {
        name: "NodeRoleName",
        kind: Kind::Text(is_role_name),
        default: "`KarpenterNodeRole-<cluster>`",
        text: "The name of the node role to make. A default that would exceed IAM's limit is cut and ends in a hash of the cluster name.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "ControllerRoleName",
        kind: Kind::Text(is_role_name),
        default: "`KarpenterControllerRole-<cluster>`",
        text: "The name of the controller role to make; cut like NodeRoleName's default.",
        must_be: "a role name: 1 to 64 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "InstanceProfileName",
        kind: Kind::Text(is_instance_profile_name),
        default: "`KarpenterNodeInstanceProfile-<cluster>`; NodeRoleName where that is given",
        text: "The name of the instance profile to make.",
        must_be: "an instance profile name: 1 to 128 letters, digits and `_+=,.@-`",
    },
    Property {
        name: "NodeRoleArn",
        kind: Kind::Text(is_role_arn),
        default: "none",
        text: "An existing role for the nodes: used, never changed, never deleted. Excludes NodeRoleName and NodePolicyArns.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "NodePolicyArns",
        kind: Kind::List(is_policy_arn),
        default: "none",
        text: "Further managed policies for the node role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "ControllerPolicyArns",
        kind: Kind::List(is_policy_arn),
        default: "none",
        text: "Further managed policies for the controller role.",
        must_be: "a list of managed policies' ARNs: `arn:<partition>:iam::<account or aws>:policy/<name>`",
    },
    Property {
        name: "Tags",
        kind: Kind::Tags,
        default: "none",
        text: "Tags for every IAM object that it makes: a map, or a list of `Key` and `Value`.",
        must_be: "at most 48 tags, as a map or a list of `Key` and `Value`: keys of 1 to 128 and values of up to 256 letters, digits, spaces and `_.:/=+-@`, no key beginning with `aws:` or `karpenter-prereqs/`",
    },
    Property {
        name: "DiscoveryTagKey",
        kind: Kind::Text(is_tag_key),
        default: "`karpenter.sh/discovery`",
        text: "The key of the tag by which Karpenter finds subnets and security groups.",
        must_be: "a tag key: 1 to 127 characters without `=`, not beginning with `aws:` or `karpenter-prereqs/`",
    },
    Property {
        name: "DiscoveryTagValue",
        kind: Kind::Text(is_tag_value),
        default: "the cluster name",
        text: "The value of that tag.",
        must_be: "a tag value: 1 to 128 characters",
    },
    Property {
        name: "SubnetIds",
        kind: Kind::List(is_subnet_id),
        default: "the node groups' subnets",
        text: "The subnets to tag, instead of the node groups'.",
        must_be: "a list of subnet ids: `subnet-…`",
    },
    Property {
        name: "SecurityGroupIds",
        kind: Kind::List(is_security_group_id),
        default: "the node groups' security groups",
        text: "The security groups to tag, instead of the node groups'.",
        must_be: "a list of security group ids: `sg-…`",
    },
    Property {
        name: "TagConflict",
        kind: Kind::OneOf(&["Fail", "Skip"]),
        default: "`Fail`",
        text: "What to do with a subnet or security group whose discovery tag names another cluster: `Fail` before any change, or `Skip` it with a warning. It is never overwritten.",
        must_be: "`Fail` or `Skip`",
    },
    Property {
        name: "KubernetesRoleArn",
        kind: Kind::Text(is_role_arn),
        default: "none",
        text: "A role to assume for the Kubernetes API, such as the one that created the cluster.",
        must_be: "the ARN of a role: `arn:<partition>:iam::<account>:role/<name>`",
    },
    Property {
        name: "OidcProvider",
        kind: Kind::OneOf(&["Require"]),
        default: "`Require`",
        text: "`Require`: fail before any change when IAM has no OIDC provider for the cluster's issuer with the audience `sts.amazonaws.com`.",
        must_be: "`Require`",
    },
    Property {
        name: "Revision",
        kind: Kind::Text(|_| true),
        default: "none",
        text: "Ignored: change it to run the resource again (a new node group, drift, a new function).",
        must_be: "text",
    },
];

/// A value that passed its row's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Of [`Kind::Text`] and [`Kind::OneOf`].
    Text(String),
    /// Of [`Kind::List`]: in order, without repeats.
    List(Vec<String>),
    /// Of [`Kind::Tags`].
    Tags(BTreeMap<String, String>),
}

/// The properties that were given and are good; what is absent is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<&'static str, Given>);

/// What is wrong with the properties.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// No row has that name.
    #[error("unknown property `{name}`{}", nearest.map(|known| format!(": is `{known}` meant?")).unwrap_or_default())]
    Unknown {
        /// The name in the template.
        name: String,
        /// The most alike of the known names, if any is.
        nearest: Option<&'static str>,
    },
    /// A required property is absent.
    #[error("`{name}` is required: set it to {must_be}")]
    Required {
        /// The row's name.
        name: &'static str,
        /// The row's words.
        must_be: &'static str,
    },
    /// The row's rule rejects the value.
    #[error("`{name}` must be {must_be}; it is {found}")]
    Bad {
        /// The row's name.
        name: &'static str,
        /// The row's words.
        must_be: &'static str,
        /// The value, in JSON, cut when long.
        found: String,
    },
    /// Two properties that do not go together.
    #[error("`{one}` and `{other}` exclude each other: {why}")]
    Exclusive {
        /// One of them.
        one: &'static str,
        /// The other.
        other: &'static str,
        /// Why.
        why: &'static str,
    },
}

impl Properties {
    /// Sorts raw properties into good values and errors, each error once, in the table's order after the
    /// unknown names. A good value is there whatever is wrong with others: a Delete works with what there is.
    pub fn parse(raw: &RawProperties) -> (Self, Vec<PropertyError>) {
        let mut errors: Vec<_> = raw
            .keys()
            .filter(|name| !CLOUDFORMATIONS_OWN.contains(&name.as_str()))
            .filter(|name| PROPERTIES.iter().all(|property| property.name != name.as_str()))
            .map(|name| PropertyError::Unknown { name: name.clone(), nearest: nearest(name) })
            .collect();
        let mut given = BTreeMap::new();
        for property in PROPERTIES {
            let value = raw.get(property.name).filter(|value| !is_absent(value));
            match value.map(|value| (value, property.kind.parse(value))) {
                Some((_, Some(good))) => {
                    given.insert(property.name, good);
                }
                Some((value, None)) => errors.push(property.bad(value)),
                None if property.default.is_empty() => {
                    errors.push(PropertyError::Required { name: property.name, must_be: property.must_be });
                }
                None => {}
            }
        }
        (Self(given), errors)
    }

    /// The text of that property, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Given::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The list of that property, if it was given; never empty.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.0.get(name) {
            Some(Given::List(list)) => Some(list),
            _ => None,
        }
    }

    /// The tags of that property; empty when it was not given.
    pub fn tags(&self, name: &str) -> BTreeMap<String, String> {
        match self.0.get(name) {
            Some(Given::Tags(tags)) => tags.clone(),
            _ => BTreeMap::new(),
        }
    }
}

impl Property {
    fn bad(&self, value: &Value) -> PropertyError {
        let mut found: String = value.to_string().chars().take(120).collect();
        if found.len() < value.to_string().len() {
            found.push('…');
        }
        PropertyError::Bad { name: self.name, must_be: self.must_be, found }
    }
}

impl Kind {
    fn parse(self, value: &Value) -> Option<Given> {
        match self {
            Self::Text(rule) => scalar(value).filter(|text| rule(text)).map(Given::Text),
            Self::OneOf(words) => scalar(value).filter(|text| words.contains(&text.as_str())).map(Given::Text),
            Self::List(rule) => {
                let items = match value {
                    Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>()?,
                    _ => scalar(value)?.split(',').map(|item| item.trim().to_owned()).collect(),
                };
                let mut list: Vec<String> = Vec::new();
                for item in items.into_iter().filter(|item| !item.is_empty()) {
                    if !rule(&item) {
                        return None;
                    }
                    if !list.contains(&item) {
                        list.push(item);
                    }
                }
                Some(Given::List(list))
            }
            Self::Tags => tags(value).map(Given::Tags),
        }
    }
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_absent),
        _ => false,
    }
}

/// Text as it is, a number or boolean as CloudFormation would have written it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn tags(value: &Value) -> Option<BTreeMap<String, String>> {
    // Two of IAM's 50 are the owner's and the mark's.
    const MOST: usize = 48;
    let pairs = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| Some((key.clone(), scalar(value)?))).collect::<Option<Vec<_>>>()?
        }
        Value::Array(items) => items
            .iter()
            .map(|item| Some((scalar(item.get("Key")?)?, scalar(item.get("Value")?)?)))
            .collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    let count = pairs.len();
    let tags: BTreeMap<_, _> = pairs.into_iter().collect();
    let good = tags.len() == count
        && count <= MOST
        && tags.iter().all(|(key, value)| is_free_key(key) && chars_within(key, 1, 128) && chars_within(value, 0, 256))
        && tags.iter().all(|(key, value)| key.chars().chain(value.chars()).all(is_iam_tag_char));
    good.then_some(tags)
}

fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    PROPERTIES
        .iter()
        .map(|property| (likeness(property.name), property.name))
        .filter(|(likeness, _)| ALIKE <= *likeness)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

fn chars_within(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count())
}

fn is_cluster_name(text: &str) -> bool {
    chars_within(text, 1, 100)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_dns_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    chars_within(text, 1, 63) && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_dns_subdomain(text: &str) -> bool {
    chars_within(text, 1, 253) && text.split('.').all(is_dns_label)
}

fn is_iam_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

fn is_role_name(text: &str) -> bool {
    chars_within(text, 1, crate::names::ROLE_NAME_MAX) && text.chars().all(is_iam_name_char)
}

fn is_instance_profile_name(text: &str) -> bool {
    chars_within(text, 1, crate::names::INSTANCE_PROFILE_NAME_MAX) && text.chars().all(is_iam_name_char)
}

/// `arn:<partition>:iam::<account>:<rest>`, giving account and rest.
fn iam_arn(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(6, ':');
    let sound = parts.next()? == "arn"
        && parts.next()?.starts_with("aws")
        && parts.next()? == "iam"
        && parts.next()?.is_empty();
    let (account, rest) = (parts.next()?, parts.next()?);
    let plain = rest.chars().all(|c| is_iam_name_char(c) || c == '/');
    (sound && plain).then_some((account, rest))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_role_arn(text: &str) -> bool {
    iam_arn(text).is_some_and(|(account, rest)| {
        is_account(account)
            && rest.strip_prefix("role/").is_some_and(|name| is_role_name(crate::names::role_name_of_arn(name)))
    })
}

fn is_policy_arn(text: &str) -> bool {
    iam_arn(text).is_some_and(|(account, rest)| {
        (account == "aws" || is_account(account))
            && rest.strip_prefix("policy/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
    })
}

fn is_ec2_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|id| {
        chars_within(id, 8, 17) && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn is_subnet_id(text: &str) -> bool {
    is_ec2_id(text, "subnet-")
}

fn is_security_group_id(text: &str) -> bool {
    is_ec2_id(text, "sg-")
}

fn is_free_key(text: &str) -> bool {
    !text.to_ascii_lowercase().starts_with("aws:") && !text.starts_with(crate::ownership::PREFIX)
}

fn is_tag_key(text: &str) -> bool {
    chars_within(text, 1, 127) && is_free_key(text) && !text.contains(|c: char| c == '=' || c.is_control())
}

fn is_tag_value(text: &str) -> bool {
    chars_within(text, 1, 128) && !text.chars().any(char::is_control)
}

fn is_iam_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(raw: Value) -> (Properties, Vec<String>) {
        let Value::Object(raw) = raw else { panic!("not a map") };
        let (properties, errors) = Properties::parse(&raw);
        (properties, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_unknown_property_is_named_with_the_nearest_known_one() {
        let (_, errors) =
            parse(json!({"ClusterName": "demo", "Clustername": "demo", "Zebra": "1", "NodePolicyArn": "x"}));
        assert_eq!(
            errors,
            [
                "unknown property `Clustername`: is `ClusterName` meant?",
                "unknown property `NodePolicyArn`: is `NodePolicyArns` meant?",
                "unknown property `Zebra`",
            ]
        );
    }

    #[test]
    fn the_required_one_is_asked_for_and_cloudformations_own_are_let_be() {
        let (_, errors) = parse(json!({"ServiceToken": "arn", "ServiceTimeout": "60", "ClusterName": ""}));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].starts_with("`ClusterName` is required"), "{errors:?}");
    }

    #[test]
    fn lists_come_as_lists_or_with_commas_and_repeats_go() {
        let ids = json!(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]);
        let text = json!("subnet-0123456789abcdef0, subnet-0123456789abcdef1,subnet-0123456789abcdef0");
        for value in [ids, text] {
            let (properties, errors) = parse(json!({"ClusterName": "demo", "SubnetIds": value}));
            assert_eq!(errors, [] as [&str; 0]);
            assert_eq!(properties.list("SubnetIds").unwrap().len(), 2);
        }
    }

    #[test]
    fn tags_come_as_a_map_or_as_a_list_of_key_and_value() {
        for value in [json!({"a": "1", "b": 2}), json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])] {
            let (properties, errors) = parse(json!({"ClusterName": "demo", "Tags": value}));
            assert_eq!(errors, [] as [&str; 0]);
            assert_eq!(properties.tags("Tags"), [("a".into(), "1".into()), ("b".into(), "2".into())].into());
        }
    }

    #[test]
    fn a_bad_value_is_refused_in_the_rows_words_and_the_good_ones_stay() {
        let bad = [
            ("ClusterName", json!("-demo")),
            ("ClusterName", json!("c".repeat(101))),
            ("ClusterName", json!(["demo"])),
            ("Namespace", json!("Karpenter")),
            ("ServiceAccount", json!("a..b")),
            ("NodeAccess", json!("auto")),
            ("NodeRoleName", json!("r".repeat(65))),
            ("NodeRoleName", json!("Knotenrolle-ä")),
            ("InstanceProfileName", json!("p".repeat(129))),
            ("NodeRoleArn", json!("arn:aws:iam::111122223333:user/u")),
            ("NodeRoleArn", json!("arn:aws:iam::1:role/r")),
            ("NodePolicyArns", json!(["AmazonEKSWorkerNodePolicy"])),
            ("Tags", json!({"aws:x": "1"})),
            ("Tags", json!({"karpenter-prereqs/owner": "me"})),
            ("Tags", json!([{"Key": "a"}])),
            ("Tags", json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])),
            ("Tags", json!({"a": "*"})),
            ("DiscoveryTagKey", json!("karpenter-prereqs/x")),
            ("SubnetIds", json!(["sg-0123456789abcdef0"])),
            ("SecurityGroupIds", json!({"a": "b"})),
            ("TagConflict", json!("Overwrite")),
        ];
        for (name, value) in bad {
            let mut raw = json!({"ClusterName": "demo", "Revision": "7"});
            raw[name] = value.clone();
            let (properties, errors) = parse(raw);
            assert_eq!(errors.len(), 1, "{name} {value}");
            assert!(errors[0].starts_with(&format!("`{name}` must be ")), "{errors:?}");
            assert_eq!(properties.text("Revision"), Some("7"));
        }
    }

    #[test]
    fn every_row_is_told_apart_and_told_whole() {
        for (index, property) in PROPERTIES.iter().enumerate() {
            assert!(PROPERTIES[..index].iter().all(|earlier| earlier.name != property.name), "{}", property.name);
            assert!(property.text.ends_with('.') && !property.must_be.is_empty(), "{}", property.name);
        }
    }
}
