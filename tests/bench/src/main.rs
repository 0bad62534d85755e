//! `make bench`: measures cold starts, operations, growth and crowds, of this function and of the alternatives in one run. It
//! reports figures and has no limits that fail.
//!
//! | Module | Content |
//! |---|---|
//! | `start` | Cold starts, memory, size |
//! | `share/` | The lifecycle at Lambda's share of a processor |
//! | `instructions/` | The instructions of recorded operations |
//! | `operations` | The lifecycle of a resource, with a delay on every call. `critical` finds which calls ran after which |
//! | `chain` | The calls that must follow each other, and why |
//! | `growth/` | More subnets, more entries, more node groups |
//! | `crowd` | Many resources at the same time, under throttling |
//! | `environment`, `hosts`, `subject`, `actor`, `peers`, `programs` | Where the measurement runs, and what is measured |
//! | `results`, `report/` | The figures as JSON, and the report for people |
//!
//! The folders `hello` and `edit`, beside `src`, are crates with programs in the release profile. The folder `peers` has the
//! alternatives.

mod actor;
mod chain;
mod critical;
mod crowd;
mod environment;
mod growth;
mod hosts;
mod instructions;
mod operations;
mod peers;
mod process;
mod programs;
mod report;
mod results;
mod share;
mod start;
mod statistics;
mod subject;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::{Parser, Subcommand, ValueEnum};
use local_cloud::Error;

use crate::{environment::Environment, programs::Programs, results::Results};

/// Measures the function and its alternatives.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and write bench.json, bench.md and bench.svg
    Run(Run),
    /// Write table and chart again, from a bench.json
    Render {
        /// The JSON file
        results: PathBuf,
        #[command(flatten)]
        places: Places,
    },
}

#[derive(clap::Args)]
struct Run {
    /// The parts to measure
    #[arg(long, value_delimiter = ',', default_values = ["start", "share", "instructions", "operations", "growth", "crowd"])]
    parts: Vec<Part>,
    /// The number of runs; share, instructions and growth have at most 5
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// The number of runs of the runbook, which takes longer than everything else together
    #[arg(long, default_value_t = 3)]
    runbook_runs: usize,
    /// The delays that are added to every call, in milliseconds
    #[arg(long, value_delimiter = ',', default_values = ["0", "20", "50"])]
    delays: Vec<u64>,
    /// Another build of the function, to measure beside it
    #[arg(long, value_name = "PROGRAM", requires = "baseline_name")]
    baseline: Option<PathBuf>,
    /// The name of the other build in the report, such as its commit
    #[arg(long, value_name = "NAME", requires = "baseline")]
    baseline_name: Option<String>,
    /// The numbers of resources at the same time
    #[arg(long, value_delimiter = ',', default_values = ["1", "50", "500"])]
    crowd: Vec<usize>,
    #[command(flatten)]
    places: Places,
}

#[derive(clap::Args)]
struct Places {
    /// The folder for the results
    #[arg(long, default_value = "bench-results")]
    output: PathBuf,
    /// The folder docs/: its performance.md and bench.svg are written too
    #[arg(long)]
    docs: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Start,
    Share,
    Instructions,
    Operations,
    Growth,
    Crowd,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Share => "share",
            Self::Instructions => "instructions",
            Self::Operations => "operations",
            Self::Growth => "growth",
            Self::Crowd => "crowd",
        }
    }

    /// Checks that this machine can measure the part.
    async fn probe(self) -> Result<(), Error> {
        match self {
            Self::Share => share::probe(),
            Self::Instructions => instructions::probe().await,
            Self::Start | Self::Operations | Self::Growth | Self::Crowd => Ok(()),
        }
    }
}

/// The maximum number of runs of the parts that take minutes for each.
const MOST_LONG_RUNS: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        // With an interrupt, all programs and control groups end with the dropped future.
        Command::Run(run) => tokio::select! {
            measured = Box::pin(run.measure()) => measured,
            _ = tokio::signal::ctrl_c() => Err(Error::Unusable("interrupted".to_owned())),
        },
        Command::Render { results, places } => Results::read(&results).and_then(|results| places.write(&results)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:?}");
            ExitCode::FAILURE
        }
    }
}

impl Run {
    /// Measures part after part. Writes the results after each part, so that a failed part does not lose the others.
    async fn measure(self) -> Result<(), Error> {
        let programs = Programs::locate(self.baseline.clone())?;
        let mut results = Results::new(self.baseline_name.clone());
        let cloud_parts: Vec<Part> = self.parts.iter().copied().filter(|part| *part != Part::Crowd).collect();
        let mut failed = Vec::new();
        if !cloud_parts.is_empty() {
            progress("starting the cloud");
            let environment = Box::pin(Environment::start()).await?;
            for part in cloud_parts {
                if let Err(error) = part.probe().await {
                    progress(&format!("{} SKIPPED, because this machine cannot measure it: {error}", part.name()));
                    results.skipped.insert(part.name().to_owned(), error.to_string());
                    continue;
                }
                let begun = Instant::now();
                let measured = Box::pin(self.measure_part(part, &environment, &programs, &mut results)).await;
                self.end(part, begun, measured, &mut results, &mut failed)?;
            }
        }
        if self.parts.contains(&Part::Crowd) {
            let begun = Instant::now();
            let measured = Box::pin(self.crowds(&mut results)).await;
            self.end(Part::Crowd, begun, measured, &mut results, &mut failed)?;
        }
        self.places.write(&results)?;
        if failed.is_empty() {
            Ok(())
        } else {
            Err(Error::Unusable(format!("these parts failed: {}", failed.join(", "))))
        }
    }

    async fn measure_part(
        &self,
        part: Part,
        environment: &Environment,
        programs: &Programs,
        results: &mut Results,
    ) -> Result<(), Error> {
        // A failed part may have left rules, calls and objects.
        environment.cloud.gateway().rules().clear();
        environment.cloud.gateway().journal().clear();
        environment.clear().await?;
        let few = self.runs.min(MOST_LONG_RUNS);
        match part {
            Part::Start => results.start = start::measure(environment, programs, self.runs).await?,
            Part::Share => share::measure(environment, programs, few, &mut results.share).await?,
            Part::Instructions => {
                instructions::measure(environment, programs, few, &mut results.instructions).await?;
            }
            Part::Operations => {
                let plan =
                    operations::Plan { delays: self.delays.clone(), runs: self.runs, runbook_runs: self.runbook_runs };
                results.operations = operations::measure(environment, programs, &plan).await?;
            }
            Part::Growth => results.growth = Some(growth::measure(environment, programs, few).await?),
            Part::Crowd => {}
        }
        Ok(())
    }

    async fn crowds(&self, results: &mut Results) -> Result<(), Error> {
        for &resources in &self.crowd {
            results.crowd.extend(Box::pin(crowd::measure(resources)).await?);
        }
        Ok(())
    }

    fn end(
        &self,
        part: Part,
        begun: Instant,
        measured: Result<(), Error>,
        results: &mut Results,
        failed: &mut Vec<&'static str>,
    ) -> Result<(), Error> {
        results.took.insert(part.name().to_owned(), begun.elapsed().as_secs_f64());
        if let Err(error) = measured {
            progress(&format!("{} FAILED: {error:?}", part.name()));
            failed.push(part.name());
        }
        results.write(&create_folder(&self.places.output)?.join("bench.json"))
    }
}

impl Places {
    /// Writes the report files, and prints the tables.
    fn write(&self, results: &Results) -> Result<(), Error> {
        let output = create_folder(&self.output)?;
        results.write(&output.join("bench.json"))?;
        let (tables, chart) = (report::tables(results), report::chart(results));
        let write = |path: &Path, text: &str| fs::write(path, text).map_err(Error::file("write", path));
        write(&output.join("bench.md"), &tables)?;
        write(&output.join("bench.svg"), &chart)?;
        if let Some(docs) = &self.docs {
            if let Some((part, reason)) = results.skipped.first_key_value() {
                return Err(Error::Unusable(format!("docs are not written without the part {part}: {reason}")));
            }
            report::page::update(&docs.join("performance.md"), &tables)?;
            write(&docs.join("bench.svg"), &chart)?;
        }
        io::stdout().write_all(tables.as_bytes()).map_err(Error::file("write to", "stdout"))
    }
}

fn create_folder(folder: &Path) -> Result<&Path, Error> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    Ok(folder)
}

/// Prints the progress on stderr.
pub(crate) fn progress(what: &str) {
    eprintln!("bench: {what}");
}
