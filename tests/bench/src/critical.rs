//! Finds which calls ran one after the other, from the times in the gateway's journal.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use local_cloud::gateway::Call;

/// Groups the calls in waves. A call is one wave later than the latest call that had ended when it began. Within a wave, the
/// operations are in alphabetical order, with `×2` for two calls of one operation.
///
/// The number of waves is an upper bound of the calls that depend on each other: a call may begin after another one without a
/// need for it.
pub(crate) fn waves(calls: &[Call]) -> Vec<Vec<String>> {
    let spans: Vec<Span> = calls.iter().map(|call| Span::of(call.at, call.duration.unwrap_or_default())).collect();
    let mut waves: Vec<BTreeMap<String, usize>> = Vec::new();
    for (call, wave) in calls.iter().zip(waves_of(&spans)) {
        waves.resize_with(waves.len().max(wave + 1), BTreeMap::new);
        *waves[wave].entry(format!("{} {}", call.service, call_name(call))).or_default() += 1;
    }
    let shown = |(operation, count)| if count == 1 { operation } else { format!("{operation} ×{count}") };
    waves.into_iter().map(|wave| wave.into_iter().map(shown).collect()).collect()
}

/// Returns the operation, for the Kubernetes API with the resource.
fn call_name(call: &Call) -> String {
    match call.param("resource") {
        Some(resource) if call.service == "kubernetes" => format!("{} {resource}", call.operation),
        _ => call.operation.clone(),
    }
}

/// Returns the time in which at least one of the calls ran.
pub(crate) fn under_way(calls: &[Call]) -> Duration {
    covered(calls.iter().map(|call| Span::of(call.at, call.duration.unwrap_or_default())).collect())
}

/// A period of time.
#[derive(Clone, Copy, Debug)]
struct Span {
    begin: SystemTime,
    end: SystemTime,
}

impl Span {
    fn of(begin: SystemTime, duration: Duration) -> Self {
        Self { begin, end: begin + duration }
    }
}

/// Returns the wave of each span.
fn waves_of(spans: &[Span]) -> Vec<usize> {
    let mut by_begin: Vec<usize> = (0..spans.len()).collect();
    by_begin.sort_by_key(|&index| spans[index].begin);
    let mut waves = vec![0; spans.len()];
    for (place, &index) in by_begin.iter().enumerate() {
        let before = by_begin[..place].iter().filter(|&&other| spans[other].end <= spans[index].begin);
        waves[index] = before.map(|&other| waves[other] + 1).max().unwrap_or_default();
    }
    waves
}

fn covered(mut spans: Vec<Span>) -> Duration {
    spans.sort_by_key(|span| span.begin);
    let (mut total, mut until) = (Duration::ZERO, SystemTime::UNIX_EPOCH);
    for span in spans {
        let fresh = span.end.duration_since(span.begin.max(until)).unwrap_or_default();
        total += fresh;
        until = until.max(span.end);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(times: &[(u64, u64)]) -> Vec<Span> {
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        times.iter().map(|&(begin, end)| Span { begin: at(begin), end: at(end) }).collect()
    }

    #[test]
    fn wave_follows_the_calls_that_had_ended() {
        // 0 and 1 run at the same time, 2 runs after both, 3 runs after 0 alone and at the same time as 2.
        assert_eq!(waves_of(&spans(&[(0, 10), (0, 20), (21, 40), (11, 30)])), [0, 0, 1, 1]);
        assert_eq!(waves_of(&spans(&[(21, 40), (0, 10), (11, 20)])), [2, 0, 1], "in any order");
        assert_eq!(waves_of(&[]), [0; 0]);
    }

    #[test]
    fn overlapping_time_is_counted_once() {
        assert_eq!(covered(spans(&[(0, 10), (5, 20), (30, 40), (32, 35)])), Duration::from_millis(30));
        assert_eq!(covered(Vec::new()), Duration::ZERO);
    }
}
