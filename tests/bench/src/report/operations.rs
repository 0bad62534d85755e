//! The tables of operations with a delay on every call.

use std::{collections::BTreeSet, fmt::Write as _};

use super::cell::{digits, millis, ratio, spread};
use crate::{
    chain,
    operations::Sample,
    statistics::{Spread, as_f64, slope},
    subject::{Operation, Subject},
};

/// All runs of one operation of one subject.
pub(super) struct Row<'a> {
    pub(super) subject: Subject,
    pub(super) operation: Operation,
    samples: Vec<&'a Sample>,
}

impl<'a> Row<'a> {
    /// Returns the row of an operation and a subject; `None` when it was not measured.
    pub(super) fn of(samples: &'a [Sample], operation: Operation, subject: Subject) -> Option<Self> {
        let samples: Vec<_> =
            samples.iter().filter(|sample| sample.subject == subject && sample.operation == operation).collect();
        (!samples.is_empty()).then_some(Self { subject, operation, samples })
    }

    /// Returns the times under a delay.
    pub(super) fn under(&self, delay_ms: u64) -> Option<Spread> {
        Spread::of(self.samples.iter().filter(|sample| sample.delay_ms == delay_ms).map(|sample| sample.ms))
    }

    /// Returns the time of the chain under a delay, in milliseconds.
    pub(super) fn bound(&self, delay_ms: u64) -> f64 {
        as_f64(self.links()) * millis_of(delay_ms)
    }

    fn links(&self) -> usize {
        chain::links(self.operation, self.subject.join_method()).len()
    }

    /// Returns how many delays add up: the increase of the duration for each millisecond of delay.
    fn in_series(&self) -> Option<f64> {
        // Each of its commands takes seconds to start, with a large variance. The effect of the delay is not visible in it.
        if self.subject == Subject::Runbook {
            return None;
        }
        let delays: BTreeSet<u64> = self.samples.iter().map(|sample| sample.delay_ms).collect();
        let medians = delays.into_iter().filter_map(|delay| Some((millis_of(delay), self.under(delay)?.median)));
        slope(&medians.collect::<Vec<_>>())
    }

    /// Returns minimum and maximum, or one number when they are equal.
    fn range(&self, count: fn(&Sample) -> usize) -> String {
        let counts: BTreeSet<usize> = self.samples.iter().map(|sample| count(sample)).collect();
        match (counts.first(), counts.last()) {
            (Some(least), Some(most)) if least != most => format!("{least} to {most}"),
            (Some(count), _) => count.to_string(),
            _ => String::new(),
        }
    }

    /// Returns the waves of the run with the fewest waves under a delay, because a call that is late by chance adds a wave.
    fn shortest_waves(&self, delay_ms: u64) -> Option<&'a [Vec<String>]> {
        let waves =
            self.samples.iter().filter(|sample| sample.delay_ms == delay_ms).map(|sample| sample.waves.as_slice());
        waves.min_by_key(|waves| waves.len())
    }
}

/// Returns the delays of these runs.
pub(super) fn delays(samples: &[Sample]) -> BTreeSet<u64> {
    samples.iter().map(|sample| sample.delay_ms).collect()
}

/// Returns the tables, or an empty text when nothing was measured.
pub(super) fn tables(samples: &[Sample]) -> String {
    let delays = delays(samples);
    let Some(&longest) = delays.last() else { return String::new() };
    let mut text = "### Operations\n\n".to_owned();
    let _ = write!(
        text,
        "The life of one resource with one running process, and a delay on every call: to AWS, to the Kubernetes API, and the PUT of the response. Times: median (minimum to maximum). \
         *Chain*: the calls that must follow each other. *In series*: the number of calls whose delays add up, as measured, and its ratio to the chain. The last two columns are for {longest} ms.\n\n\
         | | | Calls | Writes |"
    );
    for delay in &delays {
        let _ = write!(text, " {delay} ms |");
    }
    let _ = writeln!(text, " Chain | In series | To ours | To the chain |");
    let _ = writeln!(text, "|---|---|---|---|{}---|---|---|---|", "---|".repeat(delays.len()));
    for operation in Operation::ALL {
        let ours = Row::of(samples, operation, Subject::Ours).and_then(|row| row.under(longest));
        for row in Subject::WITH_OPERATIONS.into_iter().filter_map(|subject| Row::of(samples, operation, subject)) {
            let _ = write!(
                text,
                "| {} | {} | {} | {} |",
                operation.name(),
                row.subject.name(),
                row.range(|sample| sample.calls),
                row.range(|sample| sample.writes)
            );
            for &delay in &delays {
                let _ = write!(text, " {} |", row.under(delay).as_ref().map(spread).unwrap_or_default());
            }
            let median = row.under(longest).map_or(0.0, |spread| spread.median);
            let chain = as_f64(row.links());
            let in_series = row.in_series().map(|calls| format!("{} ({})", digits(calls), ratio(calls, chain)));
            let in_series = in_series.unwrap_or_else(|| "–".to_owned());
            let to_ours = ours.map(|ours| ratio(median, ours.median)).unwrap_or_default();
            let to_chain = ratio(median, row.bound(longest));
            let _ = writeln!(text, " {} | {in_series} | {to_ours} | {to_chain} |", row.links());
        }
    }
    text + &waves_section(samples, longest) + &budget(samples, longest)
}

/// Returns the waves of the function's calls.
fn waves_section(samples: &[Sample], longest: u64) -> String {
    let mut text = format!(
        "\nOur calls under {longest} ms in waves, from the gateway's journal. A call begins after a call of the previous wave has ended. The PUT of the response follows the last wave.\n"
    );
    for subject in [Subject::Ours, Subject::OursAccessEntry] {
        for operation in Operation::ALL {
            let row = Row::of(samples, operation, subject);
            let Some(waves) = row.as_ref().and_then(|row| row.shortest_waves(longest)) else { continue };
            let _ = writeln!(text, "\n{}, {}: {} waves\n", operation.name(), subject.name(), waves.len());
            for (index, wave) in waves.iter().enumerate() {
                let _ = writeln!(text, "{}. {}", index + 1, wave.join(", "));
            }
        }
    }
    text
}

fn budget(samples: &[Sample], longest: u64) -> String {
    let Some(row) = Row::of(samples, Operation::Create, Subject::Ours) else { return String::new() };
    let Some(took) = row.under(longest) else { return String::new() };
    let bound = row.bound(longest);
    let in_series = row.in_series().map(|calls| ratio(calls, as_f64(row.links()))).unwrap_or_default();
    format!(
        "\nA Create under {longest} ms takes {}, and the chain alone {}: {} (budget: 1.25×). The calls in series are {in_series} of the chain. The rest of the time exists without a delay too: MiniStack is one process and serves concurrent calls one after the other, and the API server's authenticator asks STS at each call.\n",
        millis(took.median),
        millis(bound),
        ratio(took.median, bound)
    )
}

#[allow(clippy::cast_precision_loss, reason = "delays are short")]
const fn millis_of(delay: u64) -> f64 {
    delay as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(delay_ms: u64, ms: f64) -> Sample {
        Sample {
            subject: Subject::Ours,
            operation: Operation::Create,
            delay_ms,
            ms,
            calls: 40,
            writes: 12,
            waves: vec![vec!["eks DescribeCluster".to_owned()]],
            peak: None,
        }
    }

    #[test]
    fn in_series_is_the_slope_of_the_duration() {
        let samples = [sample(0, 100.0), sample(20, 300.0), sample(50, 600.0), sample(50, 640.0), sample(50, 600.0)];
        let row = Row::of(&samples, Operation::Create, Subject::Ours).unwrap();
        assert!((row.in_series().unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(row.range(|sample| sample.calls), "40");
        assert!(Row::of(&samples, Operation::Delete, Subject::Ours).is_none());
        assert!((row.bound(50) - as_f64(row.links()) * 50.0).abs() < 1e-9);
    }

    #[test]
    fn unmeasured_part_has_no_table() {
        assert_eq!(tables(&[]), "");
        assert!(tables(&[sample(0, 1.0)]).contains("| Create | ours | 40 | 12 | **1.00 ms**"));
    }
}
