//! Times the edit of aws-auth alone, in the profile that Lambda runs. It uses no API server, no network and no event.
//!
//! ```text
//! edit RUNS ENTRIES…     prints a JSON array:
//!     {"entries": …, "bytes": …, "add_ms": […], "remove_ms": […], "passes_ms": {"ReadOld": […], …}}
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    hint::black_box,
    io::{self, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use karpenter_prereqs_core::{
    documents::aws_auth::{MapRoles, NodeEntry, Pass},
    documents::config_map::{Change, Edit, edit},
    identity::ownership::Marker,
    observed::ConfigMap,
};
use serde_json::{Value, json};

const USAGE: &str = "usage: edit RUNS ENTRIES…";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("edit: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let numbers: Result<Vec<usize>, _> = env::args().skip(1).map(|argument| argument.parse()).collect();
    let numbers = numbers.map_err(|error| format!("{error}; {USAGE}"))?;
    let (&runs, sizes) = numbers.split_first().ok_or(USAGE)?;
    let measured: Result<Vec<Value>, String> = sizes.iter().map(|&entries| measure(entries, runs)).collect();
    let json = json!(measured?).to_string();
    writeln!(io::stdout(), "{json}").map_err(|error| format!("cannot write to stdout: {error}"))
}

/// Adds the entry to a list of this length and removes it again, `runs` times.
fn measure(entries: usize, runs: usize) -> Result<Value, String> {
    let ours = NodeEntry::new("arn:aws:iam::111122223333:role/KarpenterNodeRole-demo");
    let marker = Marker::from_key("karpenter-prereqs/0123456789abcdef").ok_or("the marker is none")?;
    let add = Change::AddEntry { marker: marker.clone(), entry: ours.clone(), own: true };
    let remove = Change::RemoveEntry { markers: BTreeSet::from([marker]), own: Some(ours.clone()) };
    let before = ConfigMap { map_roles: Some(map_roles(entries)), ..ConfigMap::default() };
    let (mut added, mut removed, mut passes) = (Vec::new(), Vec::new(), BTreeMap::new());
    for _ in 0..runs {
        let (took, after) = timed(&before, &add)?;
        added.push(took);
        let (took, gone) = timed(&after, &remove)?;
        removed.push(took);
        if gone.map_roles != before.map_roles || gone.annotations != before.annotations {
            return Err(format!("the map of {entries} entries is not as before"));
        }
        time_passes(before.map_roles.as_deref(), &ours, &mut passes)?;
    }
    Ok(json!({
        "entries": entries,
        "bytes": before.map_roles.map_or(0, |text| text.len()),
        "add_ms": millis(&added),
        "remove_ms": millis(&removed),
        "passes_ms": passes,
    }))
}

/// Adds the entry once more, and records the milliseconds of each pass by its name.
fn time_passes(
    map_roles: Option<&str>,
    ours: &NodeEntry,
    passes: &mut BTreeMap<String, Vec<f64>>,
) -> Result<(), String> {
    let mut begun = Instant::now();
    let mut record = |pass: Pass| {
        passes.entry(format!("{pass:?}")).or_default().extend(millis(&[begun.elapsed()]));
        begun = Instant::now();
    };
    let list = MapRoles::read_observed(map_roles, ours, &mut record).map_err(|error| error.to_string())?;
    list.insert_observed(&mut record).map(drop).map_err(|error| error.to_string())
}

fn timed(current: &ConfigMap, change: &Change) -> Result<(Duration, ConfigMap), String> {
    let begun = Instant::now();
    let edited = edit(black_box(Some(current)), black_box(change));
    let took = begun.elapsed();
    match edited {
        Ok(Edit::Replace(map)) => Ok((took, map)),
        other => Err(format!("the edit is to replace the map: {other:?}")),
    }
}

fn millis(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
}

/// Returns a realistic list: node roles, and for every tenth entry an administrator with a comment.
fn map_roles(entries: usize) -> String {
    let entry = |number: usize| {
        let arn = format!("arn:aws:iam::111122223333:role/team-{number}");
        if number.is_multiple_of(10) {
            format!(
                "- rolearn: {arn}  # asked for by team {number}\n  username: admin-{number}\n  groups:\n    - system:masters\n"
            )
        } else {
            format!(
                "- rolearn: {arn}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups:\n    - system:bootstrappers\n    - system:nodes\n"
            )
        }
    };
    (0..entries).map(entry).collect()
}
