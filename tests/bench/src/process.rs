//! Reads memory and processor time of a process from the kernel.

use std::{fs, path::Path, time::Duration};

use local_cloud::Error;

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// The current value.
    pub(crate) resident: u64,
    /// The maximum so far.
    pub(crate) peak: u64,
}

/// Reads the memory of a process.
///
/// # Errors
/// [`Error::File`] when the process has ended.
pub(crate) fn memory(process: u32) -> Result<Memory, Error> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    let field = |name| kibibytes(&status, name).ok_or_else(|| Error::Unusable(format!("{path} has no {name}")));
    Ok(Memory { resident: field("VmRSS")?, peak: field("VmHWM")? })
}

/// Reads the processor time of the process's threads. Threads that have ended are left out; the function has one thread for
/// its whole life.
///
/// # Errors
/// Fails when the process has ended, or the kernel does not count the time.
pub(crate) fn time(process: u32) -> Result<Duration, Error> {
    let tasks = format!("/proc/{process}/task");
    let mut time = Duration::ZERO;
    for task in fs::read_dir(&tasks).map_err(Error::file("read", &tasks))? {
        let path = task.map_err(Error::file("read", &tasks))?.path().join("schedstat");
        // A thread may end between the two reads.
        time += fs::read_to_string(&path).ok().as_deref().and_then(on_processor).unwrap_or_default();
    }
    if time.is_zero() {
        Err(Error::Unusable(format!("the kernel does not count processor time in {tasks}/*/schedstat")))
    } else {
        Ok(time)
    }
}

/// Returns the size of a file, in bytes.
///
/// # Errors
/// [`Error::File`] when the file does not exist.
pub(crate) fn size(path: &Path) -> Result<u64, Error> {
    Ok(fs::metadata(path).map_err(Error::file("read", path))?.len())
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The first number is the processor time in nanoseconds.
fn on_processor(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_kernel_are_parsed() {
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
