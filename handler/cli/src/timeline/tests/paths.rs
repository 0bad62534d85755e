//! Tests of lanes and of the critical path.

use super::super::critical::{CriticalPath, SegmentKind};
use super::super::lanes::lanes;
use super::*;

#[test]
fn critical_path_of_sample_contains_throttled_call() {
    let run = &read(CREATE).unwrap()[0];
    let path = CriticalPath::from_run(run);
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
            "PUT response",
        ]
    );
    // 41.3 ms and 96.5 ms between the three attempts.
    assert_eq!(path.sum(|kind| kind == SegmentKind::Wait), Duration::from_micros(137_800));
}

/// A backoff counts as a wait only while no call of the path is in progress.
#[test]
fn backoff_between_two_links_is_a_wait() {
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
    let backoff =
        |at, length| Event { at: ms(at), kind: EventKind::Backoff { length: ms(length), reason: String::new() } };
    run.events = vec![backoff(5, 15), backoff(12, 33), backoff(58, 100)];
    run.steps.clear();
    run.outcome = Some(Outcome { status: "SUCCESS".to_owned(), reason: None, delivered: true, after: ms(60) });
    let path = CriticalPath::from_run(&run);
    let segments: Vec<_> = path.segments.iter().map(|segment| (segment.kind, segment.span.length())).collect();
    let (first, second) = (SegmentKind::Call(0), SegmentKind::Call(1));
    let expected = [(first, 10), (SegmentKind::Wait, 10), (SegmentKind::Wait, 25), (SegmentKind::Own, 5), (second, 10)];
    assert_eq!(segments, expected.map(|(kind, length)| (kind, ms(length))));
}

proptest! {
    #[test]
    fn lanes_never_overlap_and_are_as_few_as_possible(run in run()) {
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
    fn previous_link_ended_last_before_a_link_began(run in run()) {
        let path = CriticalPath::from_run(&run);
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
    fn segments_cover_the_run_without_gaps(run in run()) {
        let path = CriticalPath::from_run(&run);
        let mut now = Duration::ZERO;
        for segment in &path.segments {
            prop_assert_eq!(segment.span.begin, now);
            prop_assert!(now < segment.span.end);
            now = segment.span.end;
        }
        prop_assert_eq!(now, run.duration());
    }
}
