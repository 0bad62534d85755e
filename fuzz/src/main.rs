//! `fuzz`: draws cases for every target, and closes with what came of them.

use clap::Parser;
use karpenter_prereqs_fuzz::aws_auth::AWS_AUTH;
use karpenter_prereqs_fuzz::event::EVENT;
use karpenter_prereqs_fuzz::run::report::{closing, details, grouped, shortfalls};
use karpenter_prereqs_fuzz::run::{Plan, drawn, run};
use karpenter_prereqs_fuzz::spec::SPEC;
use karpenter_prereqs_fuzz::target::Target;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

/// Draws texts of mapRoles, events and properties from a seed, and judges what the handler does with them.
#[derive(Debug, Parser)]
struct Arguments {
    /// What all cases are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many texts of mapRoles; events and maps of properties are a tenth of it each
    #[arg(long, default_value_t = 10_000_000)]
    texts: u64,
    /// The number of the first one, to go on from there
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// One case alone, as a failure names it: TARGET:NUMBER
    #[arg(long, value_parser = case)]
    case: Option<(&'static Target, u64)>,
}

fn case(text: &str) -> Result<(&'static Target, u64), String> {
    let (name, number) = text.split_once(':').ok_or("it must be TARGET:NUMBER")?;
    let target = [&AWS_AUTH, &EVENT, &SPEC].into_iter().find(|target| target.name == name);
    let number = number.parse().map_err(|_| format!("`{number}` is no number"))?;
    Ok((target.ok_or("the target must be aws_auth, event or spec")?, number))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = available_parallelism().map_or(1, usize::from);
    let plan = |first, cases| Plan { seed: arguments.seed, first, cases, threads };
    let Arguments { first, texts, .. } = arguments;
    let all = || {
        vec![
            (&EVENT, plan(first / 10, texts / 10)),
            (&SPEC, plan(first / 10, texts / 10)),
            (&AWS_AUTH, plan(first, texts)),
        ]
    };
    let plans = arguments.case.map_or_else(all, |(target, number)| vec![(target, plan(number, 1))]);
    say(&format!("fuzz: seed {}, {threads} threads", arguments.seed));
    if let Some((target, number)) = arguments.case {
        let case = (target.show)(&drawn(target, arguments.seed, number));
        say(&format!("fuzz: {} number {number}: {case}", target.name));
    }
    for (target, plan) in plans {
        if !is_well(target, plan) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Runs one target, and says what came of it.
fn is_well(target: &'static Target, plan: Plan) -> bool {
    let begun = Instant::now();
    let result = run(target, plan, |tally| {
        let (done, all) = (grouped(tally.cases), grouped(plan.cases));
        say(&format!("fuzz: {} {done} of {all} {}, {} s", target.name, target.unit, begun.elapsed().as_secs()));
    });
    match result {
        Ok(tally) => {
            for line in details(target, &tally) {
                say(&line);
            }
            let shortfalls = shortfalls(target, &tally);
            for line in &shortfalls {
                say(&format!("fuzz: FAILED: {}: {line}", target.name));
            }
            if shortfalls.is_empty() {
                say(&closing(target, &tally, begun.elapsed()));
            }
            shortfalls.is_empty()
        }
        Err(failure) => {
            let (name, seed) = (target.name, plan.seed);
            say(&format!("fuzz: FAILED: {name} number {}, as drawn: {}", failure.number, failure.drawn));
            say(&format!("fuzz: FAILED: {name}, shrunk: {}", failure.shrunk));
            say(&format!("fuzz: again: make fuzz FUZZ_SEED={seed} FUZZ_CASE={name}:{}", failure.number));
            false
        }
    }
}

/// Prints a line; where nobody reads, there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
