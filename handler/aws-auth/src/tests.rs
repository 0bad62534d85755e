mod editing;
mod reading;

use super::{AwsAuthError, MapRoles, NodeEntry, Presence};

const ARN: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-blue";
const BLOCK: &str = "\
- rolearn: arn:aws:iam::111122223333:role/KarpenterNodeRole-blue
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
  - system:nodes";
const JSON: &str = r#"{"rolearn": "arn:aws:iam::111122223333:role/KarpenterNodeRole-blue", "username": "system:node:{{EC2PrivateDNSName}}", "groups": ["system:bootstrappers", "system:nodes"]}"#;

fn entry() -> NodeEntry {
    NodeEntry::new(ARN)
}

fn block(indent: &str) -> String {
    let lines: Vec<_> = BLOCK.lines().map(|line| format!("{indent}{line}")).collect();
    lines.join("\n")
}

fn ends_in(newline: &str) -> String {
    block("").replace('\n', newline) + newline
}

fn presence(map_roles: Option<&str>, entry: &NodeEntry) -> Result<Presence, AwsAuthError> {
    Ok(MapRoles::read(map_roles, entry)?.presence())
}

fn insert(map_roles: Option<&str>, entry: &NodeEntry) -> Result<String, AwsAuthError> {
    MapRoles::read(map_roles, entry)?.insert()
}

fn is_empty_list(map_roles: Option<&str>) -> Result<bool, AwsAuthError> {
    Ok(MapRoles::read(map_roles, &entry())?.is_empty())
}
