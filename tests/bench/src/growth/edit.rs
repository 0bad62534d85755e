//! Measures the edit of aws-auth alone. A program of the release profile times it, without an API server and without a
//! network, and the same program of the baseline beside it.

use local_cloud::Error;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};
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
    /// Each pass of the addition, in milliseconds, by its name in the source.
    #[serde(default)]
    pub(crate) passes_ms: BTreeMap<String, Spread>,
    /// Adding and removing with the baseline, if there is one.
    #[serde(default)]
    pub(crate) baseline_ms: Option<(Spread, Spread)>,
}

/// The output of the program.
#[derive(Debug, Deserialize)]
struct EditOutput {
    entries: usize,
    bytes: usize,
    /// The commit 86f3abf has other names.
    #[serde(alias = "admit_ms")]
    add_ms: Vec<f64>,
    #[serde(alias = "expel_ms")]
    remove_ms: Vec<f64>,
    #[serde(default)]
    passes_ms: BTreeMap<String, Vec<f64>>,
}

/// The number of edits of each size, and then the sizes.
const ARGUMENTS: [&str; 4] = ["5", "10", "500", "5000"];

/// How often each program runs. They take turns, so that both see the same load of the machine.
const ROUNDS: usize = 3;

/// Runs the programs in turns.
///
/// # Errors
/// Fails when a program fails.
pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Edited>, Error> {
    let (mut ours, mut baseline) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        merge(&mut ours, run(&programs.edit).await?);
        if let Some(program) = &programs.baseline_edit {
            merge(&mut baseline, run(program).await?);
        }
    }
    let spread = |values: &[f64]| {
        Spread::of(values.iter().copied()).ok_or_else(|| Error::Unusable("edit: the output has no run".to_owned()))
    };
    ours.iter()
        .enumerate()
        .map(|(index, size)| {
            let of_baseline = baseline.get(index);
            let baseline_ms =
                of_baseline.map(|size| Ok((spread(&size.add_ms)?, spread(&size.remove_ms)?))).transpose()?;
            let passes = size.passes_ms.iter().map(|(pass, values)| Ok((pass.clone(), spread(values)?)));
            Ok(Edited {
                entries: size.entries,
                bytes: size.bytes,
                add_ms: spread(&size.add_ms)?,
                remove_ms: spread(&size.remove_ms)?,
                passes_ms: passes.collect::<Result<_, Error>>()?,
                baseline_ms,
            })
        })
        .collect()
}

async fn run(program: &Path) -> Result<Vec<EditOutput>, Error> {
    let output = Command::new(program).args(ARGUMENTS).output().await;
    let output = output.map_err(|source| Error::Spawn { program: "edit".to_owned(), source })?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Error::Unusable(format!("edit: {error}\n{stderr}"))
    })
}

/// Adds the times of a run to those of earlier runs.
fn merge(all: &mut Vec<EditOutput>, run: Vec<EditOutput>) {
    if all.is_empty() {
        *all = run;
        return;
    }
    for (all, run) in all.iter_mut().zip(run) {
        all.add_ms.extend(run.add_ms);
        all.remove_ms.extend(run.remove_ms);
        for (pass, values) in run.passes_ms {
            all.passes_ms.entry(pass).or_default().extend(values);
        }
    }
}
