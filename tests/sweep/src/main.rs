//! The program `sweep`: the whole sweep, with its totals. `make sweep` runs it.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use local_cloud::{Error, tools};
use sweep::{Case, Operation, Record, Summary, SweepRunner, Verdict, shards, shuffled};

/// How often the sweep prints its progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The seed of the order. Any number is possible.
const SEED: u64 = 1;

/// Runs each operation under each fault of each of its calls, and judges the results.
#[derive(Debug, Parser)]
struct Arguments {
    /// The number of clouds that work at the same time
    #[arg(long, default_value_t = 6)]
    shards: usize,
    /// The folder with the verdicts so far, so that an interrupted sweep can continue
    #[arg(long)]
    state: PathBuf,
    /// Run only this case, and print the differences
    #[arg(long)]
    case: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(Arguments::parse().sweep()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sweep: {error:?}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    /// Runs the cases without a verdict, and prints the totals of all. Returns whether all cases passed.
    ///
    /// # Errors
    /// Fails when a cloud cannot start, the case does not exist, or the record cannot be written.
    async fn sweep(&self) -> Result<bool, Error> {
        let mut runner = SweepRunner::start().await?;
        let mut cases = Vec::new();
        for operation in Operation::ALL {
            cases.extend(Box::pin(runner.cases(operation)).await?);
        }
        match &self.case {
            Some(id) => one(runner, cases, id).await,
            None => self.all(runner, cases).await,
        }
    }

    async fn all(&self, runner: SweepRunner, cases: Vec<Case>) -> Result<bool, Error> {
        let own = std::env::current_exe().map_err(Error::file("find", "the running executable"))?;
        let mut record = Record::open(&self.state, &[tools::bootstrap()?, own], &cases)?;
        let all: Vec<_> = cases.iter().map(Case::id).collect();
        let is_new = |case: &Case| !record.verdicts().contains_key(&case.id());
        let remaining: Vec<_> = shuffled(cases, SEED).into_iter().filter(is_new).collect();
        let (count, earlier, begun) = (all.len(), all.len() - remaining.len(), Instant::now());
        print_line(&format!("sweep: {count} cases, {earlier} judged in earlier runs, on {} clouds", self.shards))?;
        let (mut done, mut failed, mut last_progress) = (earlier, 0, Instant::now());
        let report = |case: &Case, verdict: &Verdict| {
            let id = case.id();
            record.add(&id, verdict)?;
            done += 1;
            if !verdict.is_good() {
                failed += 1;
                let mut line = Summary::default();
                line.add(&id, verdict);
                print_line(&line.failures().join("\n"))?;
            }
            if PROGRESS_INTERVAL < last_progress.elapsed() || done == count {
                last_progress = Instant::now();
                print_line(&format!("sweep: {done} of {count}, {failed} failed, {} s", begun.elapsed().as_secs()))?;
            }
            Ok(())
        };
        Box::pin(shards::run(runner, self.shards, remaining, report)).await?;
        let summary = summarize(record.verdicts());
        record.finish()?;
        print_summary(&summary)
    }
}

/// Runs one case, and prints the differences line by line.
async fn one(mut runner: SweepRunner, cases: Vec<Case>, id: &str) -> Result<bool, Error> {
    let case = cases.into_iter().find(|case| case.id() == id);
    let case = case.ok_or_else(|| Error::Unusable(format!("there is no case {id}")))?;
    let trace = Box::pin(runner.run_to_end(&case)).await?;
    let verdict = Box::pin(runner.judge(&case, &trace)).await?;
    print_line(&trace.to_string())?;
    print_line(&verdict.details)?;
    print_summary(&summarize(&[(case.id(), verdict)].into()))
}

fn summarize(verdicts: &BTreeMap<String, Verdict>) -> Summary {
    let mut summary = Summary::default();
    for (id, verdict) in verdicts {
        summary.add(id, verdict);
    }
    summary
}

fn print_summary(summary: &Summary) -> Result<bool, Error> {
    for line in summary.failures() {
        print_line(line)?;
    }
    print_line(&summary.to_string())?;
    Ok(summary.is_good())
}

fn print_line(line: &str) -> Result<(), Error> {
    writeln!(io::stdout(), "{line}").map_err(Error::file("write to", "stdout"))
}
