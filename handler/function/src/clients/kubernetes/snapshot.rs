//! The ConfigMap of the snapshot, with the edit that the plan most likely has.

use super::Read;
use karpenter_prereqs_core::documents::aws_auth::AwsAuthError;
use karpenter_prereqs_core::documents::config_map::{self, Change, Edit};

/// The ConfigMap as it was read, and the edit of it, so that no text is edited twice.
#[derive(Debug, Default)]
pub(crate) struct ConfigMapSnapshot {
    /// The ConfigMap; `None` if it does not exist.
    pub(crate) read: Option<Read>,
    edit: Option<PreparedEdit>,
}

/// The edit of the ConfigMap for one change.
#[derive(Debug)]
pub(crate) struct PreparedEdit {
    pub(crate) change: Change,
    pub(crate) edit: Edit,
    /// Whether the API server has accepted the write in a dry run.
    pub(crate) is_accepted: bool,
}

impl ConfigMapSnapshot {
    /// Returns the snapshot of a ConfigMap without an edit.
    pub(crate) fn new(read: Option<Read>) -> Self {
        Self { read, edit: None }
    }

    /// Returns the snapshot with an edit.
    pub(crate) fn with_edit(read: Option<Read>, edit: PreparedEdit) -> Self {
        Self { read, edit: Some(edit) }
    }

    /// Returns the ConfigMap, and the edit of it for the change.
    ///
    /// # Errors
    /// As [`config_map::edit`].
    pub(crate) fn prepare(&mut self, change: &Change) -> Result<(Option<&Read>, &mut PreparedEdit), AwsAuthError> {
        let read = self.read.as_ref();
        let prepared = match self.edit.take() {
            Some(prepared) if prepared.change == *change => prepared,
            _ => {
                let edit = config_map::edit(read.map(|read| &**read.observed()), change)?;
                PreparedEdit { change: change.clone(), edit, is_accepted: false }
            }
        };
        Ok((read, self.edit.insert(prepared)))
    }
}
