//! Tests that read a log in each of its forms.

use super::*;
use std::error::Error as _;

/// Returns the run of the sample. Every form of the same log must give it.
fn sample() -> Vec<Run> {
    let runs = read(CREATE).unwrap();
    assert_eq!(runs.len(), 1);
    runs
}

#[test]
fn sample_has_calls_steps_events_and_figures() {
    let run = &sample()[0];
    assert_eq!((run.operation.as_str(), run.stack_name(), run.status()), ("Create", "platform", "SUCCESS"));
    assert_eq!((run.calls.len(), run.writes(), run.retries(), run.failed_calls()), (42, 12, 2, 3));
    assert_eq!(run.steps.len(), 14);
    assert_eq!(
        run.to_string(),
        "2026-11-26 02:10:00  Create  SUCCESS       650 ms   42 calls   44 tries  Prereqs in platform"
    );
    let [Event { kind: EventKind::Plan { steps }, .. }, Event { kind: EventKind::Warning(warning), .. }] =
        run.events.as_slice()
    else {
        panic!("{:?}", run.events)
    };
    assert_eq!((steps.len(), steps[0].as_str()), (14, "create role `KarpenterNodeRole-production`"));
    assert!(warning.starts_with("warning: KP0303: the guide of Karpenter"), "{warning}");
}

#[test]
fn run_begins_before_its_request_is_logged() {
    let began = sample()[0].began;
    let logged: Timestamp = "2026-11-26T02:10:00.124356Z".parse().unwrap();
    assert!(began < logged && logged - Duration::from_millis(1) < began, "{began}");
}

#[test]
fn prefixes_and_other_lines_are_skipped() {
    let tailed: String =
        text(CREATE.lines().map(|line| format!("2026-11-26T02:10:00+00:00 2026/11/26/[$LATEST]0a1b {line}\r")));
    let log =
        format!("INIT_START Runtime\nSTART RequestId: 1 Version: $LATEST\n{{\n{{broken\n{tailed}END\nREPORT {{}}\n");
    assert_eq!(read(&log).unwrap(), sample());
}

#[test]
fn pretty_printed_lines_are_read() {
    let pretty: String = CREATE
        .lines()
        .map(|line| serde_json::to_string_pretty(&serde_json::from_str::<Value>(line).unwrap()).unwrap() + "\n")
        .collect();
    assert_eq!(read(&pretty).unwrap(), sample());
}

#[test]
fn documents_of_aws_cli_are_read() {
    let event =
        |line: &str| json!({"logStreamName": "s", "timestamp": 1, "message": line, "ingestionTime": 2, "eventId": "3"});
    let events: Vec<_> = CREATE.lines().map(event).collect();
    let document = json!({"events": events, "searchedLogStreams": []});
    assert_eq!(read(&document.to_string()).unwrap(), sample());
    assert_eq!(read(&serde_json::to_string_pretty(&document).unwrap()).unwrap(), sample());
    // `--query events`
    assert_eq!(read(&serde_json::to_string_pretty(&events).unwrap()).unwrap(), sample());
    let without_names: Vec<_> = CREATE.lines().map(|line| json!({"timestamp": 1, "message": line})).collect();
    assert_eq!(read(&json!({"nextForwardToken": "f", "events": without_names}).to_string()).unwrap(), sample());
}

#[test]
fn mixed_streams_give_separate_runs() {
    let other = CREATE.replace("\"operation\":\"Create\"", "\"operation\":\"Delete\"");
    let side_by_side = CREATE.lines().zip(other.lines());
    let mixed = text(side_by_side.map(|(a, b)| format!("t 2026/11/26/[$LATEST]a {a}\nt 2026/11/26/[$LATEST]b {b}")));
    let runs = read(&mixed).unwrap();
    assert_eq!(runs.iter().map(|run| run.operation.as_str()).collect::<Vec<_>>(), ["Create", "Delete"]);
    assert_eq!((&runs[0].calls, &runs[1].calls), (&sample()[0].calls, &sample()[0].calls));
}

#[test]
fn killed_run_ends_at_next_run_of_its_stream() {
    let killed = text(CREATE.lines().take(20));
    let runs = read(&(killed + CREATE)).unwrap();
    assert_eq!(runs.iter().map(Run::status).collect::<Vec<_>>(), ["UNFINISHED", "SUCCESS"]);
    assert_eq!((runs[0].calls.len(), runs[1].calls.len()), (19, 42));
    assert!(runs[0].duration() < runs[1].duration());
}

#[test]
fn log_that_begins_inside_a_run_starts_with_the_next() {
    let tail = text(CREATE.lines().skip(30));
    assert_eq!(read(&(tail + CREATE)).unwrap(), sample());
}

#[test]
fn log_without_calls_or_runs_is_an_error() {
    let old: String = text(CREATE.lines().filter(|line| !line.contains("\"call\"")));
    let error = read(&old).unwrap_err().to_string();
    assert!(error.starts_with("this log has 1 run(s), but no calls. ") && error.contains("at level INFO"), "{error}");
    for text in ["", "START RequestId: 1\n", "{}\n", "[1, {\"message\": \"request\"}]", &CREATE[500..]] {
        assert!(read(text).unwrap_err().to_string().starts_with("this log has no run."), "{text}");
    }
    // A run without calls is no error if another run has calls.
    let runs = read(&(old + CREATE)).unwrap();
    assert_eq!(runs.iter().map(|run| run.calls.len()).collect::<Vec<_>>(), [0, 42]);
}

#[test]
fn invalid_line_is_an_error_with_its_number() {
    for (from, to, why) in [
        ("\"service\":\"EKS\",", "", "missing field `service`"),
        ("\"at_ms\":2.1,", "\"at_ms\":-2.1,", "negative"),
        ("\"at_ms\":2.1,", "\"at_ms\":1e300,", "too big"),
        ("\"at_ms\":2.1,", "\"at_ms\":1e9,", "more than a day"),
    ] {
        let error = read(&CREATE.replacen(from, to, 1)).unwrap_err();
        let number = 1 + CREATE.lines().position(|line| line.contains(from)).unwrap();
        assert!(error.to_string().starts_with(&format!("line {number}: not a valid `call` line")), "{error}");
        let source = error.source().unwrap().to_string();
        assert!(source.contains(why), "{source}");
    }
}

#[test]
fn attempts_that_overlap_by_rounding_are_separated() {
    let log = CREATE.lines().next().unwrap().to_owned()
        + "\n"
        + r#"{"timestamp":"2026-11-26T02:10:01Z","level":"INFO","message":"call","service":"IAM","operation":"GetRole","at_ms":10.0,"ms":20.0,"tries":2,"attempts":[[9.9,5.2],[15.0,15.1]]}"#;
    let ms = Duration::from_millis;
    let tenths = |tenths: u64| Duration::from_micros(100 * tenths);
    let attempts = [Span { begin: ms(10), end: tenths(151) }, Span { begin: tenths(151), end: ms(30) }];
    assert_eq!(read(&log).unwrap()[0].calls[0].attempts, attempts);
}

#[test]
fn writes_are_recognised_by_operation_name() {
    let call = |operation: &str| Call {
        service: "S".to_owned(),
        operation: operation.to_owned(),
        span: Span { begin: Duration::ZERO, end: Duration::ZERO },
        tries: 1,
        attempts: Vec::new(),
        error: None,
    };
    for write in [
        "CreateRole",
        "PutRolePolicy",
        "DeleteTags",
        "AttachRolePolicy",
        "DetachRolePolicy",
        "AddRoleToInstanceProfile",
        "RemoveRoleFromInstanceProfile",
        "TagRole",
        "UntagResource",
        "UpdateAssumeRolePolicy",
        "PUT response",
        "create ConfigMap",
        "update ConfigMap",
        "delete ConfigMap",
    ] {
        assert!(call(write).is_write(), "{write}");
    }
    for read in [
        "GetRole",
        "DescribeTags",
        "ListRoleTags",
        "AddressOf",
        "get ConfigMap",
        "create SelfSubjectAccessReview",
        "",
        "é",
    ] {
        assert!(!call(read).is_write(), "{read}");
    }
}

#[test]
fn steps_of_call_were_in_progress_during_it() {
    let run = &sample()[0];
    let steps = |operation: &str, nth: usize| -> Vec<_> {
        let call = run.calls.iter().filter(|call| call.operation == operation).nth(nth).unwrap();
        run.steps_of(call).into_iter().map(|step| step.name.split('`').nth(1).unwrap_or(&step.name)).collect()
    };
    assert_eq!(steps("CreateRole", 0), ["KarpenterNodeRole-production"]);
    assert_eq!(steps("DescribeCluster", 0), [""; 0]);
    assert_eq!(steps("PutRolePolicy", 0), ["karpenter"]);
    // Both steps were in progress, because two began together and the first took longer.
    assert_eq!(steps("CreateRole", 1), ["KarpenterNodeRole-production", "KarpenterControllerRole-production"]);
}

proptest! {
    #[test]
    fn logged_run_is_read_back(run in run()) {
        prop_assert_eq!(read(&text(logged(&run))).unwrap(), [run]);
    }

    #[test]
    fn arbitrary_text_never_panics(odd in "[\\PC\n{}\"\\\\:,]*", line in 0_usize..40, at in 0_usize..200) {
        let _ = read(&odd);
        // One line of the sample with the text inserted.
        let broken = text(CREATE.lines().enumerate().map(|(number, log)| {
            let (head, tail) = log.split_at(if number == line { at.min(log.len()) } else { 0 });
            if number == line { format!("{head}{odd}{tail}") } else { tail.to_owned() }
        }));
        let _ = read(&broken).map(|runs| runs.iter().map(Run::svg).collect::<String>());
    }
}
