//! All figures of a run, as in the JSON file. Tables and chart use only these.

use std::{collections::BTreeMap, fs, path::Path};

use jiff::Timestamp;
use local_cloud::Error;
use serde::{Deserialize, Serialize};

use crate::{
    crowd::Crowd, growth::Growth, instructions::Counted, operations::Sample, share::Lifecycle, start::Started,
};

/// The results of one run. A part that was not selected is empty.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Results {
    /// The day, as `2026-01-31`.
    pub(crate) date: String,
    /// The machine.
    pub(crate) machine: Machine,
    /// The commit of the baseline, if there is one.
    #[serde(default)]
    pub(crate) baseline: Option<String>,
    /// The parts that this machine cannot measure, with the reason.
    #[serde(default)]
    pub(crate) skipped: BTreeMap<String, String>,
    /// The duration of each part, in seconds.
    pub(crate) took: BTreeMap<String, f64>,
    /// Cold starts, memory and size.
    pub(crate) start: Vec<Started>,
    /// Operations with a delay on every call.
    pub(crate) operations: Vec<Sample>,
    /// Lives of a resource at Lambda's share of a processor.
    #[serde(default)]
    pub(crate) share: Vec<Lifecycle>,
    /// Instructions of recorded operations.
    #[serde(default)]
    pub(crate) instructions: Vec<Counted>,
    /// How the cost grows.
    pub(crate) growth: Option<Growth>,
    /// Many resources at the same time.
    pub(crate) crowd: Vec<Crowd>,
}

/// The machine of the run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    /// The model name of the processor.
    pub(crate) processor: String,
    /// The number of its available cores.
    pub(crate) cores: usize,
    /// The memory, in GiB.
    pub(crate) memory_gib: u64,
}

impl Results {
    /// Returns empty results with the current date and this machine.
    pub(crate) fn new(baseline: Option<String>) -> Self {
        Self {
            date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
            machine: Machine::this(),
            baseline,
            skipped: BTreeMap::new(),
            took: BTreeMap::new(),
            start: Vec::new(),
            operations: Vec::new(),
            share: Vec::new(),
            instructions: Vec::new(),
            growth: None,
            crowd: Vec::new(),
        }
    }

    /// Reads the results from a file.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::Unusable`] when the file has another format.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
        serde_json::from_str(&text).map_err(|error| Error::Unusable(format!("{}: {error}", path.display())))
    }

    /// Writes the results to a file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Unusable(error.to_string()))?;
        fs::write(path, text + "\n").map_err(Error::file("write", path))
    }
}

impl Machine {
    fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name| {
            let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kibibytes: u64 = memory.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or_default();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kibibytes.div_ceil(1 << 20),
        }
    }
}
