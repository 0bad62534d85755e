//! A control group with the share of a processor and the memory that Lambda gives a function.
//!
//! Written with files instead of a crate: the kept crate for this (cgroups-rs) brings a D-Bus client with 50 crates.
//! <https://docs.kernel.org/admin-guide/cgroup-v1/> and <https://docs.kernel.org/admin-guide/cgroup-v2.html> describe the files.

use std::{
    collections::BTreeSet,
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

/// How long freezing, and the end of the last process of a group, may take.
const BOUND: Duration = Duration::from_secs(10);

/// The beginning of the names of all groups, before the id of this process.
const NAME: &str = "karpenter-prereqs-bench-";

/// The number of groups so far, for their names.
static CREATED: AtomicUsize = AtomicUsize::new(0);

/// A control group, or one in each hierarchy. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    layout: Layout,
}

/// The folders of a group.
#[derive(Debug)]
enum Layout {
    /// Version 1: a hierarchy for each controller. Two may be the same.
    V1 { cpu: PathBuf, cpuacct: PathBuf, memory: PathBuf, freezer: PathBuf },
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
        let name = format!("{NAME}{}-{}", process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
        let layout = Layout::find(&mounts, &name).ok_or_else(|| {
            let controllers = "cpu, cpuacct, memory and freezer (version 1), or cpu and memory (version 2)";
            Error::Unusable(format!("this machine has no control groups with the controllers {controllers}"))
        })?;
        let group = Self { layout };
        group.create(size).map_err(|error| {
            let hint = if error.kind() == io::ErrorKind::PermissionDenied { ". Run this as root" } else { "" };
            Error::Unusable(format!("cannot create the control group {:?}: {error}{hint}", group.layout))
        })?;
        Ok(group)
    }

    /// Moves a process into the group, with its memory and time from now on.
    ///
    /// # Errors
    /// [`Error::File`] when the process has ended.
    pub(crate) fn enter(&self, process: &str) -> Result<(), Error> {
        self.layout.folders().into_iter().try_for_each(|folder| {
            let path = folder.join("cgroup.procs");
            fs::write(&path, process).map_err(Error::file("write", &path))
        })
    }

    /// Freezes the processes for this time, as Lambda does between two events.
    ///
    /// # Errors
    /// Fails when the kernel does not freeze them.
    pub(crate) async fn freeze_for(&self, duration: Duration) -> Result<(), Error> {
        let frozen = async {
            self.layout.set_frozen(true)?;
            wait_until("the control group is frozen", BOUND, async || self.layout.is_frozen().then_some(())).await?;
            tokio::time::sleep(duration).await;
            Ok(())
        };
        let frozen = frozen.await;
        // Also after a failure: a frozen process of version 1 cannot be killed.
        self.layout.set_frozen(false)?;
        frozen
    }

    /// Returns the processor time of all processes of the group so far.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn processor_time(&self) -> Result<Duration, Error> {
        match &self.layout {
            Layout::V1 { cpuacct, .. } => {
                let text = read(&cpuacct.join("cpuacct.usage"))?;
                Ok(Duration::from_nanos(text.trim().parse().unwrap_or_default()))
            }
            Layout::V2(folder) => {
                Ok(Duration::from_micros(value(&read(&folder.join("cpu.stat"))?, "usage_usec").unwrap_or_default()))
            }
        }
    }

    /// Returns whether the processes had to wait for their share.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn was_throttled(&self) -> Result<bool, Error> {
        let (Layout::V1 { cpu: folder, .. } | Layout::V2(folder)) = &self.layout;
        Ok(0 < value(&read(&folder.join("cpu.stat"))?, "nr_throttled").unwrap_or_default())
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
        Ok(0 < value(&read(&path)?, "oom_kill").unwrap_or_default())
    }

    fn create(&self, size: MemorySize) -> io::Result<()> {
        let (period, quota) = (PERIOD.as_micros(), (PERIOD.mul_f64(size.share())).as_micros());
        let bytes = size.bytes().to_string();
        if let Layout::V2(folder) = &self.layout
            && let Some(root) = folder.parent()
        {
            fs::write(root.join("cgroup.subtree_control"), "+cpu +memory")?;
        }
        for folder in self.layout.folders() {
            fs::create_dir(folder)?;
        }
        // Where swap is not counted, the second file does not exist.
        let (limits, swap) = match &self.layout {
            Layout::V1 { cpu, memory, .. } => {
                fs::write(cpu.join("cpu.cfs_period_us"), period.to_string())?;
                fs::write(cpu.join("cpu.cfs_quota_us"), quota.to_string())?;
                (memory.join("memory.limit_in_bytes"), (memory.join("memory.memsw.limit_in_bytes"), bytes.as_str()))
            }
            Layout::V2(folder) => {
                fs::write(folder.join("cpu.max"), format!("{quota} {period}"))?;
                (folder.join("memory.max"), (folder.join("memory.swap.max"), "0"))
            }
        };
        fs::write(limits, &bytes)?;
        if swap.0.exists() { fs::write(swap.0, swap.1) } else { Ok(()) }
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // An interrupted freeze. Without a group it fails, which changes nothing.
        let _ = self.layout.set_frozen(false);
        // A group can be removed when its last process is gone, which takes a moment after its end.
        for folder in self.layout.folders() {
            let begun = Instant::now();
            while folder.exists() && fs::remove_dir(folder).is_err() {
                if BOUND < begun.elapsed() {
                    eprintln!("bench: the control group {} still has processes and remains", folder.display());
                    break;
                }
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
            let has = |options: &&str| options.split(',').any(|option| option == controller);
            let mount = mounts.iter().find(|mount| mount.get(2) == Some(&"cgroup") && mount.get(3).is_some_and(has));
            mount.and_then(|mount| mount.get(1)).map(|root| Path::new(root).join(name))
        };
        if let (Some(cpu), Some(cpuacct), Some(memory), Some(freezer)) =
            (v1("cpu"), v1("cpuacct"), v1("memory"), v1("freezer"))
        {
            return Some(Self::V1 { cpu, cpuacct, memory, freezer });
        }
        let root = mounts.iter().find(|mount| mount.get(2) == Some(&"cgroup2")).and_then(|mount| mount.get(1))?;
        let controllers = fs::read_to_string(Path::new(root).join("cgroup.controllers")).unwrap_or_default();
        let has = |controller| controllers.split_whitespace().any(|it| it == controller);
        (has("cpu") && has("memory")).then(|| Self::V2(Path::new(root).join(name)))
    }

    fn folders(&self) -> BTreeSet<&Path> {
        match self {
            Self::V1 { cpu, cpuacct, memory, freezer } => {
                [cpu, cpuacct, memory, freezer].into_iter().map(PathBuf::as_path).collect()
            }
            Self::V2(folder) => BTreeSet::from([folder.as_path()]),
        }
    }

    fn set_frozen(&self, frozen: bool) -> Result<(), Error> {
        let (path, value) = match self {
            Self::V1 { freezer, .. } => (freezer.join("freezer.state"), if frozen { "FROZEN" } else { "THAWED" }),
            Self::V2(folder) => (folder.join("cgroup.freeze"), if frozen { "1" } else { "0" }),
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

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::file("read", path))
}

/// Returns the number after a name, in a file with one name and number in each line.
fn value(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_found_by_its_controllers() {
        let mounts = "cgroup /g/memory cgroup rw,memory 0 0\ncgroup /g/cpu cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup /g/freezer cgroup rw,freezer 0 0\ncgroup2 /g/unified cgroup2 rw 0 0\n";
        let layout = Layout::find(mounts, "n").unwrap();
        let folders: Vec<_> = layout.folders().into_iter().collect();
        assert_eq!(folders, ["/g/cpu/n", "/g/freezer/n", "/g/memory/n"].map(Path::new));
    }

    #[test]
    fn version_2_needs_its_controllers() {
        let root = tempfile::tempdir().unwrap();
        let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", root.path().display());
        assert!(Layout::find(&mounts, "n").is_none());
        fs::write(root.path().join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
        assert!(Layout::find(&mounts, "n").unwrap().folders().contains(root.path().join("n").as_path()));
    }

    #[test]
    fn machine_without_groups_has_none() {
        assert!(Layout::find("proc /proc proc rw 0 0\ncgroup /g/cpu cgroup rw,cpu 0 0\n", "n").is_none());
    }

    #[test]
    fn number_is_found_by_its_whole_name() {
        let text = "nr_periods 12\nnr_throttled 3\nnr_throttled_more 7\n";
        assert_eq!(value(text, "nr_throttled"), Some(3));
        assert_eq!(value(text, "throttled"), None);
    }
}
