//! What the kernel tells of a process: its memory, and its time on a processor.

use std::{fs, path::Path, time::Duration};

use local_cloud::Error;

/// The memory of a process that is its own in the machine's, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// At most so far.
    pub(crate) peak: u64,
}

/// The memory of a process.
///
/// # Errors
/// It is gone.
pub(crate) fn memory(process: u32) -> Result<Memory, Error> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    let field = |name| kibibytes(&status, name).ok_or_else(|| Error::Unusable(format!("{path} has no {name}")));
    Ok(Memory { resident: field("VmRSS")?, peak: field("VmHWM")? })
}

/// The time that a process's threads were on a processor, those that have ended left out: ours has one that lasts.
///
/// # Errors
/// It is gone, or the kernel keeps no account.
pub(crate) fn time(process: u32) -> Result<Duration, Error> {
    let tasks = format!("/proc/{process}/task");
    let mut time = Duration::ZERO;
    for task in fs::read_dir(&tasks).map_err(Error::file("read", &tasks))? {
        let path = task.map_err(Error::file("read", &tasks))?.path().join("schedstat");
        // A thread may end between the two looks.
        time += fs::read_to_string(&path).ok().as_deref().and_then(on_processor).unwrap_or_default();
    }
    if time.is_zero() {
        Err(Error::Unusable(format!("the kernel keeps no account in {tasks}/*/schedstat")))
    } else {
        Ok(time)
    }
}

/// The size of a file, in bytes.
///
/// # Errors
/// It is not there.
pub(crate) fn size(path: &Path) -> Result<u64, Error> {
    Ok(fs::metadata(path).map_err(Error::file("read", path))?.len())
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The first number is the time on a processor, in nanoseconds.
fn on_processor(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(kibibytes("VmPeak:\t  10 kB\nVmRSS:\t  2048 kB\n", "VmRSS"), Some(2 << 20));
        assert_eq!(kibibytes("VmPeak:\t  10 kB\n", "VmRSS"), None);
        assert_eq!(on_processor("1500 2 3\n"), Some(Duration::from_nanos(1500)));
    }

    #[test]
    fn this_process_has_memory_and_time() {
        let memory = memory(std::process::id()).unwrap();
        assert!(0 < memory.resident && memory.resident <= memory.peak);
        assert!(!time(std::process::id()).unwrap().is_zero());
    }
}
