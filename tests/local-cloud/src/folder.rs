//! The folder of one cloud: logs, keys and data of its programs.

use std::{
    env,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use crate::error::Error;

/// A folder that is removed with the cloud. It is kept when a test fails, because its logs explain the failure.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    keep: AtomicBool,
}

impl RunFolder {
    /// Creates the folder `<process id>-<count>` in [`RunFolder::parent`].
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be created.
    pub fn new() -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Self::parent().join(format!("{}-{count}", std::process::id()));
        if path.exists() {
            // A failed run of an earlier process with the same id has kept it.
            std::fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
        std::fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        Ok(Self { path, keep: AtomicBool::new(false) })
    }

    /// Returns the folder that contains the folders of all clouds of this machine.
    pub fn parent() -> PathBuf {
        env::temp_dir().join("karpenter-prereqs-local-cloud")
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a folder inside of it.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be created.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        Ok(path)
    }

    /// Keeps the folder when the cloud ends.
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
    fn folder_is_removed_unless_kept() {
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
    fn folder_is_kept_after_a_panic() {
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
