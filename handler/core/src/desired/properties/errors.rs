//! What is wrong with the properties.

use super::{Exclusion, PROPERTIES, Property};
use serde_json::Value;

/// The least similarity (Jaro-Winkler, 0 to 1) of an unknown name to a known one that counts as a typing error.
const ALIKE: f64 = 0.8;

/// What is wrong with the properties.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// No row has that name.
    #[error("unknown property `{name}`. {}", nearest.map_or_else(|| "Remove it".to_owned(), |known| format!("Did you mean `{known}`?")))]
    Unknown {
        /// The name in the template.
        name: String,
        /// The most alike of the known names, if any is.
        nearest: Option<&'static str>,
    },
    /// A required property is absent.
    #[error("`{name}` is required. Set it to {must_be}")]
    Required {
        /// The row's name.
        name: &'static str,
        /// The row's words.
        must_be: &'static str,
    },
    /// The row's rule rejects the value.
    #[error("`{name}` must be {must_be}, but it is {found}")]
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
        "`InterruptionQueueArn` must be a queue in the cluster's account and Region, where Karpenter looks it up by its name: `{wanted}<name>`, but it is {found}"
    )]
    QueueElsewhere {
        /// What the ARN must begin with.
        wanted: String,
        /// The queue's ARN.
        found: String,
    },
    /// Two properties exclude each other.
    #[error("`{}` and `{}` exclude each other, because {}. Remove one of them", .0.one, .0.other, .0.why)]
    Exclusive(Exclusion),
}

impl PropertyError {
    /// Returns `KP` and four digits, for example `KP0101`. A code is never used for another error. docs/troubleshooting.md lists all.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "KP0101",
            Self::Required { .. } => "KP0102",
            Self::Bad { .. } => "KP0103",
            Self::QueueElsewhere { .. } => "KP0104",
            Self::Exclusive(_) => "KP0105",
        }
    }

    /// Returns `<code>: <message>` of each, with `. ` between them, for the stack event and the terminal.
    pub fn all(errors: &[Self]) -> String {
        let texts = errors.iter().map(|error| format!("{}: {error}", error.code()));
        texts.collect::<Vec<_>>().join(". ").replace("?. ", "? ")
    }

    /// Returns the error for a value that the row's rule rejects.
    pub(super) fn bad(property: &Property, value: &Value) -> Self {
        let mut found: String = value.to_string().chars().take(120).collect();
        if found.len() < value.to_string().len() {
            found.push('…');
        }
        Self::Bad { name: property.name, must_be: property.must_be, found }
    }
}

/// Returns the known name that `name` is most similar to, if it is similar enough.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    PROPERTIES
        .iter()
        .map(|property| (likeness(property.name), property.name))
        .filter(|(likeness, _)| ALIKE <= *likeness)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
