//! The errors of invalid properties.

use super::{Exclusion, PROPERTIES, Property};
use serde_json::Value;

/// The similarity of two names (Jaro-Winkler, 0 to 1) from which an unknown name counts as a typing error of a known name.
const MIN_SIMILARITY: f64 = 0.8;

/// An error in the properties.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// No property has that name.
    #[error("unknown property `{name}`. {}", nearest.map_or_else(|| "Remove it".to_owned(), |known| format!("Did you mean `{known}`?")))]
    Unknown {
        /// The name in the template.
        name: String,
        /// The most similar known name, if one is similar enough.
        nearest: Option<&'static str>,
    },
    /// A required property is absent.
    #[error("`{name}` is required. Set it to {must_be}")]
    Required {
        /// The name of the property.
        name: &'static str,
        /// [`Property::must_be`].
        must_be: &'static str,
    },
    /// The value is invalid.
    #[error("`{name}` must be {must_be}, but it is {found}")]
    Bad {
        /// The name of the property.
        name: &'static str,
        /// [`Property::must_be`].
        must_be: &'static str,
        /// The value as JSON, cut after 120 characters.
        found: String,
    },
    /// The queue is in another account or Region, so Karpenter would not find it.
    #[error(
        "`InterruptionQueueArn` must be a queue in the cluster's account and Region, where Karpenter looks it up by its name: `{wanted}<name>`, but it is {found}"
    )]
    QueueElsewhere {
        /// The required beginning of the ARN.
        wanted: String,
        /// The ARN of the queue.
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

    /// Returns `<code>: <message>` of each error, with `. ` between them, for the stack event and the terminal.
    pub fn all(errors: &[Self]) -> String {
        let texts = errors.iter().map(|error| format!("{}: {error}", error.code()));
        // A question ends its sentence itself.
        let joined = texts.reduce(|all, text| format!("{all}{}{text}", if all.ends_with('?') { " " } else { ". " }));
        joined.unwrap_or_default()
    }

    /// Returns the error for an invalid value.
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
    let similarity = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    PROPERTIES
        .iter()
        .map(|property| (similarity(property.name), property.name))
        .filter(|(similarity, _)| MIN_SIMILARITY <= *similarity)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
