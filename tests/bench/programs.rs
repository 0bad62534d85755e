//! Our programs, in the release profile: the function, and those that only the bench runs.

use std::path::PathBuf;

use local_cloud::{Error, tools};

/// The programs.
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
    /// Finds them beside the function that `KARPENTER_PREREQS_BOOTSTRAP` names.
    ///
    /// # Errors
    /// One is missing.
    pub(crate) fn locate() -> Result<Self, Error> {
        let function = tools::bootstrap()?;
        let beside = |name| {
            let path = function.with_file_name(name);
            if path.is_file() {
                Ok(path)
            } else {
                Err(Error::Unusable(format!("{} is missing; run make bench", path.display())))
            }
        };
        Ok(Self { hello: beside("hello")?, edit: beside("edit")?, function })
    }
}
