//! The folder of one cloud: logs, keys and data of everything that it runs.

use std::{
    env,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use crate::error::Error;

/// A folder that goes when the cloud does, and stays when a test fails, since it then holds the logs
/// that tell why.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    keep: AtomicBool,
}

impl RunFolder {
    /// Makes the folder, `<process id>-<count>` in [`RunFolder::parent`].
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be made.
    pub fn new() -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Self::parent().join(format!("{}-{count}", std::process::id()));
        if path.exists() {
            // Left by a failed run of an earlier process that had the same id.
            std::fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
        std::fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        Ok(Self { path, keep: AtomicBool::new(false) })
    }

    /// Where the folders of all clouds of this machine are.
    pub fn parent() -> PathBuf {
        env::temp_dir().join("karpenter-prereqs-local-cloud")
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder inside it.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be made.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        Ok(path)
    }

    /// Leaves the folder where it is when the cloud goes.
    pub fn keep(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if thread::panicking() || self.keep.load(Ordering::Relaxed) {
            eprintln!("local cloud: logs are in {}", self.path.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("local cloud: cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_unless_it_is_kept() {
        let folder = RunFolder::new().unwrap();
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());

        let folder = RunFolder::new().unwrap();
        let path = folder.path().to_owned();
        folder.keep();
        drop(folder);
        assert!(path.exists());
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn stays_when_its_holder_panics() {
        let path = std::panic::catch_unwind(|| {
            let folder = RunFolder::new().unwrap();
            std::panic::panic_any(folder.path().to_owned());
        })
        .unwrap_err()
        .downcast::<PathBuf>()
        .unwrap();
        assert!(path.exists());
        std::fs::remove_dir_all(*path).unwrap();
    }
}
