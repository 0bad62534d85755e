//! What is wrong with properties, in words.

use super::{Exclusion, PROPERTIES, Property};
use serde_json::Value;

/// How alike (Jaro-Winkler, 0 to 1) an unknown name must be to a known one to be taken for a slip of it.
const ALIKE: f64 = 0.8;

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
    /// A queue that Karpenter would not find.
    #[error(
        "`InterruptionQueueArn` must be a queue of the cluster's own account and Region, where Karpenter looks it up by its name: `{wanted}<name>`; it is {found}"
    )]
    QueueElsewhere {
        /// What the ARN must begin with.
        wanted: String,
        /// The queue's ARN.
        found: String,
    },
    /// Two properties that do not go together.
    #[error("`{}` and `{}` exclude each other: {}", .0.one, .0.other, .0.why)]
    Exclusive(Exclusion),
}

impl PropertyError {
    /// All of them in one line, as the stack event and the terminal tell them.
    pub fn all(errors: &[Self]) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    /// The row's rule rejects `value`.
    pub(super) fn bad(property: &Property, value: &Value) -> Self {
        let mut found: String = value.to_string().chars().take(120).collect();
        if found.len() < value.to_string().len() {
            found.push('…');
        }
        Self::Bad { name: property.name, must_be: property.must_be, found }
    }
}

/// The known name that `name` may be a slip of.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    PROPERTIES
        .iter()
        .map(|property| (likeness(property.name), property.name))
        .filter(|(likeness, _)| ALIKE <= *likeness)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
