//! A control group with the share of a processor and the memory that Lambda gives a function.
//!
//! Written with files instead of a crate: the kept crate for this (cgroups-rs) brings a D-Bus client with 50 crates.
//! <https://docs.kernel.org/admin-guide/cgroup-v1/> and <https://docs.kernel.org/admin-guide/cgroup-v2.html> describe the files.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use local_cloud::{Error, process::wait_until};

use super::MemorySize;

/// The period in which the share is given out. Lambda gives it out in short periods too.
const PERIOD: Duration = Duration::from_millis(20);

/// The number of groups so far, for their names.
static CREATED: AtomicUsize = AtomicUsize::new(0);

/// How long freezing, and the end of the last process of a group, may take.
const BOUND: Duration = Duration::from_secs(10);

/// A control group, or one in each hierarchy. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    layout: Layout,
}

/// The folders of a group.
#[derive(Debug)]
enum Layout {
    /// Version 1: a hierarchy for each controller.
    V1 { cpu: PathBuf, memory: PathBuf, freezer: PathBuf },
    /// Version 2: one hierarchy.
    V2(PathBuf),
}

impl ControlGroup {
    /// Creates a group without processes.
    ///
    /// # Errors
    /// [`Error::Unusable`] when this machine has no control groups, or permits no new ones. Only root can create them.
    pub(crate) fn new(size: MemorySize) -> Result<Self, Error> {
        let mounts = fs::read_to_string("/proc/mounts").map_err(Error::file("read", "/proc/mounts"))?;
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("karpenter-prereqs-bench-{}-{number}", process::id());
        let layout = Layout::find(&mounts, &name).ok_or_else(|| {
            Error::Unusable(
                "this machine has no control groups with the controllers cpu, memory and freezer".to_owned(),
            )
        })?;
        let group = Self { layout };
        group.create(size).map_err(|error| {
            Error::Unusable(format!("cannot create a control group ({:?}): {error}. Run this as root", group.layout))
        })?;
        Ok(group)
    }

    /// Returns the folders whose `cgroup.procs` a process writes itself into.
    pub(crate) fn folders(&self) -> Vec<&Path> {
        self.layout.folders()
    }

    /// Freezes the processes for this time, as Lambda does between two events.
    ///
    /// # Errors
    /// Fails when the kernel does not freeze them.
    pub(crate) async fn freeze_for(&self, pause: Duration) -> Result<(), Error> {
        let frozen = async {
            self.layout.freeze(true)?;
            wait_until("the control group is frozen", BOUND, async || self.layout.is_frozen().then_some(())).await?;
            tokio::time::sleep(pause).await;
            Ok(())
        };
        let frozen = frozen.await;
        // Also after a failure: a frozen process of version 1 cannot be killed.
        self.layout.freeze(false)?;
        frozen
    }

    /// Returns whether the kernel has killed a process because of the group's limit of memory.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn has_killed(&self) -> Result<bool, Error> {
        let path = match &self.layout {
            Layout::V1 { memory, .. } => memory.join("memory.oom_control"),
            Layout::V2(folder) => folder.join("memory.events"),
        };
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        Ok(text.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0")))
    }

    fn create(&self, size: MemorySize) -> io::Result<()> {
        let (period, quota) = (PERIOD.as_micros(), (PERIOD.mul_f64(size.share())).as_micros());
        let bytes = size.bytes().to_string();
        for folder in self.layout.folders() {
            fs::create_dir(folder)?;
        }
        match &self.layout {
            Layout::V1 { cpu, memory, .. } => {
                fs::write(cpu.join("cpu.cfs_period_us"), period.to_string())?;
                fs::write(cpu.join("cpu.cfs_quota_us"), quota.to_string())?;
                fs::write(memory.join("memory.limit_in_bytes"), bytes)
            }
            Layout::V2(folder) => {
                fs::write(folder.join("cpu.max"), format!("{quota} {period}"))?;
                fs::write(folder.join("memory.max"), bytes)
            }
        }
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // A group can be removed when its last process is gone, which takes a moment after its end.
        for folder in self.layout.folders() {
            let begun = Instant::now();
            while folder.exists() && fs::remove_dir(folder).is_err() && begun.elapsed() < BOUND {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Layout {
    /// Returns the folders of a new group, by the table of mounts. Version 1 is preferred: where both exist, its hierarchies
    /// have the controllers.
    fn find(mounts: &str, name: &str) -> Option<Self> {
        let mounts: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
        let v1 = |controller: &str| {
            let mut mounts = mounts.iter().filter(|mount| mount.get(2) == Some(&"cgroup"));
            let mount =
                mounts.find(|mount| mount.get(3).is_some_and(|options| options.split(',').any(|it| it == controller)));
            mount.and_then(|mount| mount.get(1)).map(|root| Path::new(root).join(name))
        };
        if let (Some(cpu), Some(memory), Some(freezer)) = (v1("cpu"), v1("memory"), v1("freezer")) {
            return Some(Self::V1 { cpu, memory, freezer });
        }
        let root = mounts.iter().find(|mount| mount.get(2) == Some(&"cgroup2")).and_then(|mount| mount.get(1))?;
        let controllers = fs::read_to_string(Path::new(root).join("cgroup.controllers")).unwrap_or_default();
        let has = |controller| controllers.split_whitespace().any(|it| it == controller);
        (has("cpu") && has("memory")).then(|| Self::V2(Path::new(root).join(name)))
    }

    fn folders(&self) -> Vec<&Path> {
        match self {
            Self::V1 { cpu, memory, freezer } => vec![cpu, memory, freezer],
            Self::V2(folder) => vec![folder],
        }
    }

    fn freeze(&self, freeze: bool) -> Result<(), Error> {
        let (path, value) = match self {
            Self::V1 { freezer, .. } => (freezer.join("freezer.state"), if freeze { "FROZEN" } else { "THAWED" }),
            Self::V2(folder) => (folder.join("cgroup.freeze"), if freeze { "1" } else { "0" }),
        };
        fs::write(&path, value).map_err(Error::file("write", &path))
    }

    fn is_frozen(&self) -> bool {
        let (path, line) = match self {
            Self::V1 { freezer, .. } => (freezer.join("freezer.state"), "FROZEN"),
            Self::V2(folder) => (folder.join("cgroup.events"), "frozen 1"),
        };
        fs::read_to_string(path).is_ok_and(|text| text.lines().any(|it| it == line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_found_by_its_controllers() {
        let mounts = "cgroup /g/memory cgroup rw,memory 0 0\ncgroup /g/cpu cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup /g/freezer cgroup rw,freezer 0 0\ncgroup2 /g/unified cgroup2 rw 0 0\n";
        let layout = Layout::find(mounts, "n").unwrap();
        assert_eq!(layout.folders(), ["/g/cpu/n", "/g/memory/n", "/g/freezer/n"].map(Path::new));
    }

    #[test]
    fn version_2_needs_its_controllers() {
        let root = tempfile::tempdir().unwrap();
        let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", root.path().display());
        assert!(Layout::find(&mounts, "n").is_none());
        fs::write(root.path().join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
        assert_eq!(Layout::find(&mounts, "n").unwrap().folders(), [root.path().join("n")]);
    }

    #[test]
    fn machine_without_groups_has_none() {
        assert!(Layout::find("proc /proc proc rw 0 0\ncgroup /g/cpu cgroup rw,cpu 0 0\n", "n").is_none());
    }
}
