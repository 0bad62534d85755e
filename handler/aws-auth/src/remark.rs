//! What is odd about a list that can be edited.

/// What a user should know about a list, although it can be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// The role's entry is not exactly ours, but gives nodes at least the same access.
    #[error(
        "the ConfigMap kube-system/aws-auth has an entry for {role_arn} that the function did not write: `{quoted}`. It gives \
         nodes at least the access of the function's entry, so the function uses it, and no Delete removes it"
    )]
    EquivalentEntry {
        /// The role.
        role_arn: String,
        /// The entry as it is written, on one line, cut at 300 characters.
        quoted: String,
    },
    /// An earlier entry for the role has another meaning. The authenticator uses the last one.
    #[error(
        "the ConfigMap kube-system/aws-auth has several entries for {role_arn}, and the authenticator uses only the last one. \
         This one has no effect: `{quoted}`. Remove it"
    )]
    EntryWithoutEffect {
        /// The role.
        role_arn: String,
        /// The entry without effect, as in [`Remark::EquivalentEntry`]. If there are several, the last of them.
        quoted: String,
    },
    /// The text has several YAML documents. The authenticator reads only the first one.
    #[error(
        "the authenticator reads only the first YAML document of mapRoles in the ConfigMap kube-system/aws-auth. Line {line} \
         begins another document, and its entries have no effect. Move them into the first document, or remove them"
    )]
    SecondDocument {
        /// The line of the `---`, from 1.
        line: u64,
    },
    /// Our entry was removed, and the list keeps another one for the role.
    #[error(
        "the ConfigMap kube-system/aws-auth keeps an entry for {role_arn}, because the function did not write it: `{quoted}`. \
         Remove it if the role does not need it any more"
    )]
    EntryKept {
        /// The role.
        role_arn: String,
        /// The entry, as in [`Remark::EquivalentEntry`].
        quoted: String,
    },
}
