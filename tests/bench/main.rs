//! `make bench`: what a cold start, an operation, growth and a crowd cost, ours and what people use today, side by side
//! in one run. It reports, and judges nothing.
//!
//! | Where | What |
//! |---|---|
//! | `start` | cold starts, memory, size |
//! | `operations` | a resource's life with a delay on every call; `critical` tells which call waited for which |
//! | `chain` | the calls that must follow each other, and why |
//! | `growth/` | more subnets, more entries, more node groups |
//! | `crowd` | many resources at once, under throttles |
//! | `stage`, `subject`, `peers/`, `programs` | where it is measured, and who |
//! | `results`, `report/` | the figures as JSON, and what people read of them |
//! | `hello/`, `edit/` | crates: programs of the release profile |

mod chain;
mod critical;
mod crowd;
mod growth;
mod operations;
mod peers;
mod process;
mod programs;
mod report;
mod results;
mod stage;
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

use crate::{programs::Programs, results::Results, stage::Stage};

/// Measures the function beside what people use today.
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
    /// Make table and chart anew from a bench.json
    Render {
        /// The file
        results: PathBuf,
        #[command(flatten)]
        places: Places,
    },
}

#[derive(clap::Args)]
struct Run {
    /// What is measured
    #[arg(long, value_delimiter = ',', default_values = ["start", "operations", "growth", "crowd"])]
    parts: Vec<Part>,
    /// How often
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// How often the runbook, which takes longer than all else together
    #[arg(long, default_value_t = 3)]
    runbook_runs: usize,
    /// What is added to every call, in milliseconds
    #[arg(long, value_delimiter = ',', default_values = ["0", "20", "50"])]
    delays: Vec<u64>,
    /// How many resources at once
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
    /// The folder of docs/: its performance.md and bench.svg are written too
    #[arg(long)]
    docs: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Start,
    Operations,
    Growth,
    Crowd,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Operations => "operations",
            Self::Growth => "growth",
            Self::Crowd => "crowd",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(run) => Box::pin(run.measure()).await,
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
    /// Measures part after part, and writes after each: a part that fails takes nothing of the others.
    async fn measure(self) -> Result<(), Error> {
        let programs = Programs::locate()?;
        let mut results = Results::new();
        let on_stage: Vec<Part> = self.parts.iter().copied().filter(|part| *part != Part::Crowd).collect();
        let mut failed = Vec::new();
        if !on_stage.is_empty() {
            progress("bringing up the cloud");
            let stage = Box::pin(Stage::start()).await?;
            for part in on_stage {
                let begun = Instant::now();
                let measured = Box::pin(self.on_stage(part, &stage, &programs, &mut results)).await;
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

    async fn on_stage(
        &self,
        part: Part,
        stage: &Stage,
        programs: &Programs,
        results: &mut Results,
    ) -> Result<(), Error> {
        // Whatever a part that failed has left.
        stage.cloud.gateway().rules().clear();
        stage.cloud.gateway().journal().clear();
        stage.clear().await?;
        match part {
            Part::Start => results.start = start::measure(stage, programs, self.runs).await?,
            Part::Operations => {
                let plan =
                    operations::Plan { delays: self.delays.clone(), runs: self.runs, runbook_runs: self.runbook_runs };
                results.operations = operations::measure(stage, programs, &plan).await?;
            }
            Part::Growth => results.growth = Some(growth::measure(stage, programs, self.runs.min(5)).await?),
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
        results.write(&made(&self.places.output)?.join("bench.json"))
    }
}

impl Places {
    /// Writes what people read, and prints the tables.
    fn write(&self, results: &Results) -> Result<(), Error> {
        let (tables, chart) = (report::tables(results), report::chart(results));
        let output = made(&self.output)?;
        let write = |path: &Path, text: &str| fs::write(path, text).map_err(Error::file("write", path));
        write(&output.join("bench.md"), &tables)?;
        write(&output.join("bench.svg"), &chart)?;
        if let Some(docs) = &self.docs {
            report::page::update(&docs.join("performance.md"), &tables)?;
            write(&docs.join("bench.svg"), &chart)?;
        }
        io::stdout().write_all(tables.as_bytes()).map_err(Error::file("write to", "stdout"))
    }
}

fn made(folder: &Path) -> Result<&Path, Error> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    Ok(folder)
}

/// Says on stderr how far it is.
pub(crate) fn progress(what: &str) {
    eprintln!("bench: {what}");
}
