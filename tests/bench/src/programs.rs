//! The programs of the release profile: the function, and two that only the benchmark uses.

use std::path::PathBuf;

use local_cloud::{Error, tools};

/// The paths of the programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The function.
    pub(crate) function: PathBuf,
    /// The smallest function on the same runtime.
    pub(crate) hello: PathBuf,
    /// The edit of aws-auth alone.
    pub(crate) edit: PathBuf,
}

impl Programs {
    /// Finds them in the folder of the function that `KARPENTER_PREREQS_BOOTSTRAP` names.
    ///
    /// # Errors
    /// [`Error::Unusable`] when a program is missing.
    pub(crate) fn locate() -> Result<Self, Error> {
        let function = tools::bootstrap()?;
        let sibling = |name| {
            let path = function.with_file_name(name);
            if path.is_file() {
                Ok(path)
            } else {
                Err(Error::Unusable(format!("{} is missing; run make bench", path.display())))
            }
        };
        Ok(Self { hello: sibling("hello")?, edit: sibling("edit")?, function })
    }
}
