//! `local-cloud sweep`: the whole sweep, case by case, with its totals.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use local_cloud::{
    Error,
    sweep::{Bench, Case, Operation, Record, Tally, Verdict, mixed, shards},
    tools,
};

/// How often the sweep says how far it is.
const EVERY: Duration = Duration::from_secs(5);

/// What orders the cases: any number will do.
const SEED: u64 = 1;

/// What is swept, and how.
#[derive(Debug)]
pub(crate) struct Sweeper {
    /// How many clouds work side by side.
    pub(crate) shards: usize,
    /// Where the verdicts are kept until the sweep is over.
    pub(crate) state: PathBuf,
    /// The id of the only case; `None`: all are run.
    pub(crate) case: Option<String>,
}

impl Sweeper {
    /// Runs the cases that are not judged yet, and tells the totals of all; whether all is as it should be.
    ///
    /// # Errors
    /// When a cloud cannot be brought up, there is no such case, or the record cannot be kept.
    pub(crate) async fn sweep(&self) -> Result<bool, Error> {
        let mut bench = Bench::start().await?;
        let mut cases = Vec::new();
        for operation in Operation::ALL {
            cases.extend(Box::pin(bench.cases(operation)).await?);
        }
        match &self.case {
            Some(id) => one(bench, cases, id).await,
            None => self.all(bench, cases).await,
        }
    }

    async fn all(&self, bench: Bench, cases: Vec<Case>) -> Result<bool, Error> {
        let own = std::env::current_exe().map_err(Error::file("find", "the running executable"))?;
        let mut record = Record::open(&self.state, &[tools::bootstrap()?, own], &cases)?;
        let all: Vec<_> = cases.iter().map(Case::id).collect();
        let left = mixed(cases, SEED).into_iter().filter(|case| !record.verdicts().contains_key(&case.id()));
        let left: Vec<_> = left.collect();
        let (count, earlier, begun) = (all.len(), all.len() - left.len(), Instant::now());
        say(&format!("sweep: {count} cases, {earlier} judged before, on {} clouds", self.shards))?;
        let (mut done, mut bad, mut said) = (earlier, 0, Instant::now());
        let tell = |case: &Case, verdict: &Verdict| {
            let id = case.id();
            record.note(&id, verdict)?;
            done += 1;
            if !verdict.is_good() {
                bad += 1;
                let mut line = Tally::default();
                line.add(&id, verdict);
                say(&line.bad().join("\n"))?;
            }
            if EVERY < said.elapsed() || done == count {
                said = Instant::now();
                say(&format!("sweep: {done} of {count}, {bad} bad, {} s", begun.elapsed().as_secs()))?;
            }
            Ok(())
        };
        Box::pin(shards::run(bench, self.shards, left, tell)).await?;
        let tally = tallied(record.verdicts());
        record.finish()?;
        close(&tally)
    }
}

/// Runs one case, and tells what differs line by line.
async fn one(mut bench: Bench, cases: Vec<Case>, id: &str) -> Result<bool, Error> {
    let case = cases.into_iter().find(|case| case.id() == id);
    let case = case.ok_or_else(|| Error::Unusable(format!("there is no case {id}")))?;
    let course = Box::pin(bench.play(&case)).await?;
    let verdict = Box::pin(bench.judge(&case, &course)).await?;
    say(&course.to_string())?;
    say(&verdict.details)?;
    close(&tallied(&[(case.id(), verdict)].into()))
}

fn tallied(verdicts: &BTreeMap<String, Verdict>) -> Tally {
    let mut tally = Tally::default();
    for (id, verdict) in verdicts {
        tally.add(id, verdict);
    }
    tally
}

fn close(tally: &Tally) -> Result<bool, Error> {
    for line in tally.bad() {
        say(line)?;
    }
    say(&tally.to_string())?;
    Ok(tally.is_good())
}

fn say(line: &str) -> Result<(), Error> {
    writeln!(io::stdout(), "{line}").map_err(Error::file("write to", "stdout"))
}
