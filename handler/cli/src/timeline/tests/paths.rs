//! Lanes and the critical path.

use super::super::critical::{CriticalPath, Kind};
use super::super::lanes::lanes;
use super::*;

#[test]
fn the_samples_path_goes_through_the_throttled_call() {
    let run = &read(CREATE).unwrap()[0];
    let path = CriticalPath::of(run);
    let operations: Vec<_> = path.links.iter().map(|link| run.calls[link.call].operation.as_str()).collect();
    assert_eq!(
        operations,
        [
            "DescribeCluster",
            "ListNodegroups",
            "DescribeNodegroup",
            "DescribeSubnets",
            "DescribeSecurityGroups",
            "DescribeStackResource",
            "create SelfSubjectAccessReview",
            "CreateRole",
            "AttachRolePolicy",
            "GetRole",
            "DescribeStackResource",
            "PUT answer",
        ]
    );
    // 41.3 and 96.5 ms between its three tries.
    assert_eq!(path.sum(|kind| kind == Kind::Wait), Duration::from_micros(137_800));
}

/// A back-off that the log tells of is no time of the function's own, but only where no call was under way.
#[test]
fn a_pause_between_two_links_is_waiting() {
    let ms = Duration::from_millis;
    let call = |begin, end| Call {
        service: "IAM".to_owned(),
        operation: "GetRole".to_owned(),
        span: Span { begin: ms(begin), end: ms(end) },
        tries: 1,
        attempts: Vec::new(),
        error: None,
    };
    let mut run = read(CREATE).unwrap().remove(0);
    run.calls = vec![call(0, 10), call(50, 60)];
    let pause = |at, length| Moment { at: ms(at), what: What::Pause { length: ms(length), why: String::new() } };
    run.moments = vec![pause(5, 15), pause(12, 33), pause(58, 100)];
    run.steps.clear();
    run.outcome = Some(Outcome { status: "SUCCESS".to_owned(), reason: None, delivered: true, after: ms(60) });
    let path = CriticalPath::of(&run);
    let stretches: Vec<_> = path.stretches.iter().map(|stretch| (stretch.kind, stretch.span.length())).collect();
    let (first, second) = (Kind::Call(0), Kind::Call(1));
    let expected = [(first, 10), (Kind::Wait, 10), (Kind::Wait, 25), (Kind::Own, 5), (second, 10)];
    assert_eq!(stretches, expected.map(|(kind, length)| (kind, ms(length))));
}

proptest! {
    #[test]
    fn lanes_never_overlap_and_are_as_few_as_can_be(run in run()) {
        let spans: Vec<_> = run.calls.iter().map(|call| call.span).collect();
        let lanes = lanes(&spans);
        for (later, span) in spans.iter().enumerate() {
            for earlier in (0..later).filter(|&earlier| lanes[earlier] == lanes[later]) {
                prop_assert!(spans[earlier].end <= span.begin + ROUNDING);
            }
        }
        let busiest = spans.iter().enumerate().map(|(later, span)| {
            1 + spans[..later].iter().filter(|earlier| span.begin + ROUNDING < earlier.end).count()
        });
        prop_assert_eq!(lanes.iter().max().map(|most| most + 1), busiest.max());
    }

    #[test]
    fn a_links_predecessor_ended_last_before_it_began(run in run()) {
        let path = CriticalPath::of(&run);
        let ends = || run.calls.iter().map(|call| call.span.end);
        let last = path.links.last().unwrap();
        prop_assert_eq!(Some(run.calls[last.call].span.end), ends().max());
        for pair in path.links.windows(2) {
            prop_assert!(pair[0].span.end <= pair[1].span.begin);
            prop_assert_eq!(pair[0].span.end + pair[1].before, pair[1].span.begin);
            let (end, begin) = (run.calls[pair[0].call].span.end, run.calls[pair[1].call].span.begin);
            prop_assert!(end <= begin + ROUNDING);
            prop_assert!(!ends().any(|other| end < other && other < begin));
        }
        let first = run.calls[path.links[0].call].span.begin;
        prop_assert!(!ends().any(|end| end < first));
    }

    #[test]
    fn all_of_a_runs_time_went_into_something(run in run()) {
        let path = CriticalPath::of(&run);
        let mut now = Duration::ZERO;
        for stretch in &path.stretches {
            prop_assert_eq!(stretch.span.begin, now);
            prop_assert!(now < stretch.span.end);
            now = stretch.span.end;
        }
        prop_assert_eq!(now, run.duration());
    }
}
