//! Measures the edit of aws-auth alone. A program of the release profile times it, without an API server and without a
//! network.

use local_cloud::Error;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::{programs::Programs, statistics::Spread};

/// The edit of a list of one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Edited {
    /// The number of entries in the list.
    pub(crate) entries: usize,
    /// The size of the list in bytes.
    pub(crate) bytes: usize,
    /// Adding an entry, in milliseconds.
    pub(crate) add_ms: Spread,
    /// Removing it again, in milliseconds.
    pub(crate) remove_ms: Spread,
}

/// The output of the program.
#[derive(Debug, Deserialize)]
struct EditOutput {
    entries: usize,
    bytes: usize,
    add_ms: Vec<f64>,
    remove_ms: Vec<f64>,
}

/// The number of edits of each size, and then the sizes.
const ARGUMENTS: [&str; 4] = ["11", "10", "500", "5000"];

/// Runs the program.
///
/// # Errors
/// Fails when the program fails.
pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Edited>, Error> {
    let output = Command::new(&programs.edit).args(ARGUMENTS).output().await;
    let output = output.map_err(|source| Error::Spawn { program: "edit".to_owned(), source })?;
    let unusable = |what: &str| {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Error::Unusable(format!("edit: {what}\n{stderr}"))
    };
    let sizes: Vec<EditOutput> =
        serde_json::from_slice(&output.stdout).map_err(|error| unusable(&error.to_string()))?;
    sizes
        .into_iter()
        .map(|size| {
            let spread = |values: Vec<f64>| Spread::of(values).ok_or_else(|| unusable("the output has no run"));
            Ok(Edited {
                entries: size.entries,
                bytes: size.bytes,
                add_ms: spread(size.add_ms)?,
                remove_ms: spread(size.remove_ms)?,
            })
        })
        .collect()
}
