//! aws-auth as others have it, and as it stands with our entries: the same edit is made to both.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use local_cloud::world::World;
use serde_json::Value;

/// A ConfigMap, as far as it is somebody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) data: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// What somebody does to aws-auth by hand. Where it would leave no entry of others, or needs one that is not there,
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapEdit {
    AddLast,
    AddFirst,
    CommentFirst,
    CommentLast,
    Remove,
    Swap,
    Annotate,
    AddUser,
}

impl MapEdit {
    pub(super) const ALL: &[Self] = &[
        Self::AddLast,
        Self::AddFirst,
        Self::CommentFirst,
        Self::CommentLast,
        Self::Remove,
        Self::Swap,
        Self::Annotate,
        Self::AddUser,
    ];

    /// Does it to what others have, and to what stands. `number` tells entries apart; `added` are those that were
    /// added so, as they stand.
    pub(super) fn apply(self, others: &mut Map, stands: &mut Map, number: usize, added: &mut Vec<String>) {
        let text = others.map_roles().to_owned();
        let is_bare = entries(&text).is_empty();
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let entry = format!(
            "- rolearn: arn:aws:iam::111122223333:role/Team-{number}{end}  username: team-{number}{end}  groups: [teams]{end}"
        );
        // Into a list in brackets nobody puts lines.
        let in_brackets = stands.map_roles().trim_start().starts_with('[') && !entries(stands.map_roles()).is_empty();
        if in_brackets && matches!(self, Self::AddFirst | Self::AddLast) {
            return;
        }
        let edit: &dyn Fn(&str) -> String = match self {
            // What is no list of lines becomes one.
            Self::AddLast => &|text: &str| {
                let kept = if entries(text).is_empty() { "" } else { text };
                let between = if kept.is_empty() || kept.ends_with('\n') { "" } else { end };
                format!("{kept}{between}{entry}")
            },
            Self::AddFirst => &|text: &str| {
                let kept = if entries(text).is_empty() { "" } else { text };
                format!("{entry}{kept}")
            },
            Self::CommentFirst if !is_bare => &|text: &str| format!("# {number}: ask the platform team{end}{text}"),
            Self::CommentLast if !is_bare => &|text: &str| {
                let between = if text.ends_with('\n') { "" } else { end };
                format!("{text}{between}# {number}: to be cleaned up{end}")
            },
            Self::Remove if 1 < added.len() => {
                let going = added.remove(number % added.len());
                for map in [others, stands] {
                    map.set_map_roles(map.map_roles().replacen(&going, "", 1));
                }
                return;
            }
            Self::Swap if 1 < added.len() => {
                let (one, other) = (added[0].clone(), added[added.len() - 1].clone());
                for map in [others, stands] {
                    let swapped = map.map_roles().replacen(&one, "\u{0}", 1).replacen(&other, &one, 1);
                    map.set_map_roles(swapped.replacen('\u{0}', &other, 1));
                }
                return;
            }
            Self::Annotate => {
                for map in [others, stands] {
                    map.annotations.insert(format!("team/note-{number}"), "ours".to_owned());
                }
                return;
            }
            Self::AddUser => {
                let users =
                    format!("- userarn: arn:aws:iam::111122223333:user/u-{number}\n  username: u\n  groups: []\n");
                for map in [others, stands] {
                    map.data.insert("mapUsers".to_owned(), users.clone());
                }
                return;
            }
            Self::CommentFirst | Self::CommentLast | Self::Remove | Self::Swap => return,
        };
        for map in [others, stands] {
            map.set_map_roles(edit(map.map_roles()));
        }
        if matches!(self, Self::AddFirst | Self::AddLast) {
            added.push(entry);
        }
    }
}

impl Map {
    pub(super) fn of(map: &ConfigMap) -> Self {
        Self {
            data: map.data.clone().unwrap_or_default(),
            annotations: map.metadata.annotations.clone().unwrap_or_default(),
        }
    }

    /// The ConfigMap as a world has it.
    pub(super) fn in_world(world: &World) -> Option<Self> {
        world.get("aws-auth/metadata")?;
        let annotations = world.json("aws-auth/metadata")["annotations"].as_object().cloned().unwrap_or_default();
        let annotations = annotations.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
        let texts = world.names().filter_map(|name| {
            let key = name.strip_prefix("aws-auth/").filter(|key| *key != "metadata")?;
            Some((key.to_owned(), world.get(name)?.to_owned()))
        });
        Some(Self { data: texts.collect(), annotations: annotations.collect() })
    }

    pub(super) fn map_roles(&self) -> &str {
        self.data.get("mapRoles").map(String::as_str).unwrap_or_default()
    }

    fn set_map_roles(&mut self, text: String) {
        self.data.insert("mapRoles".to_owned(), text);
    }
}

/// The entries of a list, in its order; none where it is no list.
pub(super) fn entries(map_roles: &str) -> Vec<Value> {
    yaml_serde::from_str(map_roles).unwrap_or_default()
}

/// The text without the entries that `is_ours` names by their role's ARN: each from its dash to the next line that is
/// not indented. That holds for lists in lines, as all of these are.
pub(super) fn without(map_roles: &str, is_ours: impl Fn(&str) -> bool) -> String {
    let mut kept = String::new();
    let mut entry = String::new();
    let mut end = |entry: &mut String| {
        let role = entries(entry).first().and_then(|entry| entry["rolearn"].as_str().map(str::to_owned));
        if !role.is_some_and(|role| is_ours(&role)) {
            kept.push_str(entry);
        }
        entry.clear();
    };
    for line in map_roles.split_inclusive('\n') {
        if !line.starts_with(' ') {
            end(&mut entry);
        }
        entry.push_str(line);
    }
    end(&mut entry);
    kept
}

#[test]
fn what_is_ours_is_taken_out_of_a_list_and_nothing_else() {
    let text =
        "# top\n- rolearn: a\n  groups: [x]\n- groups:\n    - y\n  rolearn: ours\n# between\n- rolearn: b\n  # in b\n";
    let without = without(text, |role| role == "ours");
    assert_eq!(without, "# top\n- rolearn: a\n  groups: [x]\n# between\n- rolearn: b\n  # in b\n");
}
