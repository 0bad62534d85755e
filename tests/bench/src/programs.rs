//! The programs of the release profile: the function, another build of it, and two that only the benchmark uses.

use std::path::PathBuf;

use local_cloud::{Error, tools};

use crate::{peers::Peers, subject::Subject};

/// The paths of the programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The function.
    pub(crate) function: PathBuf,
    /// Another build of the function, which is measured beside it.
    pub(crate) baseline: Option<PathBuf>,
    /// The smallest function on the same runtime.
    pub(crate) hello: PathBuf,
    /// The edit of aws-auth alone.
    pub(crate) edit: PathBuf,
    /// The same of the baseline; `None` if there is no baseline, or if its commit has no such program.
    pub(crate) baseline_edit: Option<PathBuf>,
}

impl Programs {
    /// Finds them in the folder of the function that `KARPENTER_PREREQS_BOOTSTRAP` names.
    ///
    /// # Errors
    /// [`Error::Unusable`] when a program is missing.
    pub(crate) fn locate(baseline: Option<PathBuf>) -> Result<Self, Error> {
        let function = tools::bootstrap()?;
        let sibling = |name| existing(function.with_file_name(name));
        let baseline = baseline.map(existing).transpose()?;
        let baseline_edit = baseline.as_ref().map(|path| path.with_file_name("edit")).filter(|path| path.is_file());
        Ok(Self { hello: sibling("hello")?, edit: sibling("edit")?, baseline_edit, baseline, function })
    }

    /// Returns the program that Lambda would start for a subject. `None` for the runbook, and for the baseline if there is none.
    pub(crate) fn program(&self, subject: Subject) -> Option<PathBuf> {
        match subject {
            Subject::Ours | Subject::OursAccessEntry => Some(self.function.clone()),
            Subject::Baseline => self.baseline.clone(),
            Subject::Hello => Some(self.hello.clone()),
            Subject::Python => Some(Peers::bootstrap()),
            Subject::Runbook => None,
        }
    }

    /// Returns those of the subjects that can be measured: all but a baseline that is not there.
    pub(crate) fn available<const N: usize>(&self, subjects: [Subject; N]) -> Vec<Subject> {
        let missing = self.baseline.is_none().then_some(Subject::Baseline);
        subjects.into_iter().filter(|subject| Some(*subject) != missing).collect()
    }
}

fn existing(path: PathBuf) -> Result<PathBuf, Error> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::Unusable(format!("{} is missing; run make bench", path.display())))
    }
}
