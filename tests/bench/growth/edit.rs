//! The edit of aws-auth alone: a program of the release profile times it, with no API server and no network.

use local_cloud::Error;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::{programs::Programs, statistics::Spread};

/// The edit of a list of one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Edited {
    /// How many entries it has.
    pub(crate) entries: usize,
    /// How many bytes.
    pub(crate) bytes: usize,
    /// Adding one, in milliseconds.
    pub(crate) admit_ms: Spread,
    /// Taking it out again, in milliseconds.
    pub(crate) expel_ms: Spread,
}

/// What the program tells.
#[derive(Debug, Deserialize)]
struct Told {
    entries: usize,
    bytes: usize,
    admit_ms: Vec<f64>,
    expel_ms: Vec<f64>,
}

/// How often each size is edited, and the sizes.
const ARGUMENTS: [&str; 4] = ["11", "10", "500", "5000"];

/// Runs the program.
///
/// # Errors
/// When it fails.
pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Edited>, Error> {
    let output = Command::new(&programs.edit).args(ARGUMENTS).output().await;
    let output = output.map_err(|source| Error::Spawn { program: "edit".to_owned(), source })?;
    let unusable = |what: &str| {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        Error::Unusable(format!("edit: {what}\n{told}"))
    };
    let told: Vec<Told> = serde_json::from_slice(&output.stdout).map_err(|error| unusable(&error.to_string()))?;
    told.into_iter()
        .map(|told| {
            let spread = |values: Vec<f64>| Spread::of(values).ok_or_else(|| unusable("it tells of no run"));
            Ok(Edited {
                entries: told.entries,
                bytes: told.bytes,
                admit_ms: spread(told.admit_ms)?,
                expel_ms: spread(told.expel_ms)?,
            })
        })
        .collect()
}
