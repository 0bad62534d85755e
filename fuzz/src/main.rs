//! `fuzz`: runs random cases of every target and reports the outcomes.

use clap::Parser;
use karpenter_prereqs_fuzz::aws_auth::{AUTHENTICATOR, AWS_AUTH};
use karpenter_prereqs_fuzz::event::EVENT;
use karpenter_prereqs_fuzz::run::report::{closing_line, coverage_gaps, details, with_separators};
use karpenter_prereqs_fuzz::run::{RunConfig, random_bytes, run};
use karpenter_prereqs_fuzz::spec::SPEC;
use karpenter_prereqs_fuzz::target::Target;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

/// Generates texts of mapRoles, events and properties from a seed, and checks what the handler does with them.
#[derive(Debug, Parser)]
struct Arguments {
    /// The seed of all cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of texts of mapRoles. The numbers of events, of maps of properties, and of texts
    /// that the authenticator's own parser judges are a tenth of it
    #[arg(long, default_value_t = 10_000_000)]
    texts: u64,
    /// The number of the first case, to continue a run
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Only this target
    #[arg(long, value_parser = target)]
    target: Option<&'static Target>,
    /// Only this case, as a failure names it: TARGET:NUMBER
    #[arg(long, value_parser = case)]
    case: Option<(&'static Target, u64)>,
}

fn target(name: &str) -> Result<&'static Target, String> {
    let target = [&AUTHENTICATOR, &AWS_AUTH, &EVENT, &SPEC].into_iter().find(|target| target.name == name);
    target.ok_or_else(|| "the target must be authenticator, aws_auth, event or spec".to_owned())
}

fn case(text: &str) -> Result<(&'static Target, u64), String> {
    let (name, number) = text.split_once(':').ok_or("it must be TARGET:NUMBER")?;
    let number = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
    Ok((target(name)?, number))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = available_parallelism().map_or(1, usize::from);
    let config = |first, cases| RunConfig { seed: arguments.seed, first, cases, threads };
    let Arguments { first, texts, .. } = arguments;
    let runs = if let Some((target, number)) = arguments.case {
        vec![(target, config(number, 1))]
    } else {
        let mut runs = vec![
            (&EVENT, config(first / 10, texts / 10)),
            (&SPEC, config(first / 10, texts / 10)),
            (&AUTHENTICATOR, config(first / 10, texts / 10)),
            (&AWS_AUTH, config(first, texts)),
        ];
        runs.retain(|(target, _)| arguments.target.is_none_or(|wanted| wanted.name == target.name));
        runs
    };
    print_line(&format!("fuzz: seed {}, {threads} threads", arguments.seed));
    if let Some((target, number)) = arguments.case {
        let case = (target.show)(&random_bytes(target, arguments.seed, number));
        print_line(&format!("fuzz: {} number {number}: {case}", target.name));
    }
    for (target, config) in runs {
        if !run_target(target, config) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Runs one target and reports the outcomes. Returns whether it succeeded.
fn run_target(target: &'static Target, config: RunConfig) -> bool {
    let start = Instant::now();
    let result = run(target, config, |summary| {
        let (done, all) = (with_separators(summary.cases), with_separators(config.cases));
        let seconds = start.elapsed().as_secs();
        print_line(&format!("fuzz: {} {done} of {all} {}, {seconds} s", target.name, target.unit));
    });
    match result {
        Ok(summary) => {
            for line in details(target, &summary) {
                print_line(&line);
            }
            let gaps = coverage_gaps(target, &summary);
            for line in &gaps {
                print_line(&format!("fuzz: FAILED: {}: {line}", target.name));
            }
            if gaps.is_empty() {
                print_line(&closing_line(target, &summary, start.elapsed()));
            }
            gaps.is_empty()
        }
        Err(failure) => {
            let (name, seed) = (target.name, config.seed);
            print_line(&format!("fuzz: FAILED: {name} number {}: {}", failure.number, failure.original));
            print_line(&format!("fuzz: FAILED: {name}, shrunk: {}", failure.shrunk));
            print_line(&format!(
                "fuzz: repeat it with: make fuzz FUZZ_SEED={seed} FUZZ_CASE={name}:{}",
                failure.number
            ));
            false
        }
    }
}

/// Prints a line. A closed output is no reason to end the run.
fn print_line(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
