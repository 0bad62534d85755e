//! A model of aws-auth in two versions: the content of others, and the current content with the resources' entries. Every edit
//! by hand is applied to both.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use local_cloud::world::World;
use serde_json::Value;

/// The content of the ConfigMap aws-auth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AwsAuthModel {
    pub(super) data: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// An edit of aws-auth by hand. It changes nothing if it would leave no entry of others, or if it needs an entry that does not
/// exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AwsAuthEdit {
    AddLast,
    AddFirst,
    CommentFirst,
    CommentLast,
    Remove,
    Swap,
    Annotate,
    AddUser,
}

impl AwsAuthEdit {
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

    /// Applies the edit to the content of others, and to the current content. `number` makes entries unique. `added` has the
    /// texts of the entries that edits have added so far.
    pub(super) fn apply(
        self,
        others: &mut AwsAuthModel,
        current: &mut AwsAuthModel,
        number: usize,
        added: &mut Vec<String>,
    ) {
        let text = others.map_roles().to_owned();
        let is_bare = entries(&text).is_empty();
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let entry = format!(
            "- rolearn: arn:aws:iam::111122223333:role/Team-{number}{end}  username: team-{number}{end}  groups: [teams]{end}"
        );
        // A line cannot be added to a list in brackets.
        let in_brackets = current.map_roles().trim_start().starts_with('[') && !entries(current.map_roles()).is_empty();
        if in_brackets && matches!(self, Self::AddFirst | Self::AddLast) {
            return;
        }
        let edit: &dyn Fn(&str) -> String = match self {
            // An empty list in another notation is replaced by the entry.
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
                let removed = added.remove(number % added.len());
                for map in [others, current] {
                    map.set_map_roles(map.map_roles().replacen(&removed, "", 1));
                }
                return;
            }
            Self::Swap if 1 < added.len() => {
                let (one, other) = (added[0].clone(), added[added.len() - 1].clone());
                for map in [others, current] {
                    let swapped = map.map_roles().replacen(&one, "\u{0}", 1).replacen(&other, &one, 1);
                    map.set_map_roles(swapped.replacen('\u{0}', &other, 1));
                }
                return;
            }
            Self::Annotate => {
                for map in [others, current] {
                    map.annotations.insert(format!("team/note-{number}"), "ours".to_owned());
                }
                return;
            }
            Self::AddUser => {
                let users =
                    format!("- userarn: arn:aws:iam::111122223333:user/u-{number}\n  username: u\n  groups: []\n");
                for map in [others, current] {
                    map.data.insert("mapUsers".to_owned(), users.clone());
                }
                return;
            }
            Self::CommentFirst | Self::CommentLast | Self::Remove | Self::Swap => return,
        };
        for map in [others, current] {
            map.set_map_roles(edit(map.map_roles()));
        }
        if matches!(self, Self::AddFirst | Self::AddLast) {
            added.push(entry);
        }
    }
}

impl AwsAuthModel {
    pub(super) fn of(map: &ConfigMap) -> Self {
        Self {
            data: map.data.clone().unwrap_or_default(),
            annotations: map.metadata.annotations.clone().unwrap_or_default(),
        }
    }

    /// Returns the ConfigMap in a [`World`], or `None` if there is none.
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

/// Returns the entries of `mapRoles` in order, or none if the text is no list.
pub(super) fn entries(map_roles: &str) -> Vec<Value> {
    yaml_serde::from_str(map_roles).unwrap_or_default()
}

/// Returns the text without the entries whose role `is_ours` accepts. An entry reaches from its dash to the next line that is not
/// indented. The text must have one line for each key, not a list in brackets.
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
fn removal_of_own_entries_keeps_the_rest() {
    let text =
        "# top\n- rolearn: a\n  groups: [x]\n- groups:\n    - y\n  rolearn: ours\n# between\n- rolearn: b\n  # in b\n";
    let without = without(text, |role| role == "ours");
    assert_eq!(without, "# top\n- rolearn: a\n  groups: [x]\n# between\n- rolearn: b\n  # in b\n");
}
