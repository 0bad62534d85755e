//! Generators of runs, and the log lines of a run.

mod paths;
mod reading;

use super::*;
use karpenter_prereqs_function::event::{CallLine, LogEvent, OutcomeLine, RequestLine, RetryLine, StepLine};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The log of a Create with 42 calls, one of which is throttled.
pub(super) const CREATE: &str = include_str!("../testdata/create.jsonl");

/// Text that breaks an XML document if it is not escaped.
pub(super) const HOSTILE: &str = "</text><script>alert(\"1\")</script> & 'x' ]]> \u{1}\u{0}\u{fffe} 名前 🦀";

fn span() -> impl Strategy<Value = Span> {
    // In units of 0.1 ms, as in the log. The range is small, so that calls touch and overlap.
    (0_u64..3000, 0_u64..400).prop_map(|(begin, length)| {
        let tenths = |tenths| Duration::from_micros(tenths * 100);
        Span { begin: tenths(begin), end: tenths(begin + length) }
    })
}

fn call() -> impl Strategy<Value = Call> {
    let service = prop::sample::select(vec!["EKS", "IAM", "EC2", "Kubernetes", "S3", "Other <&>"]);
    let operation = prop::sample::select(vec!["GetRole", "CreateTags", "update ConfigMap", "PUT response", HOSTILE]);
    let error = prop::option::weighted(0.2, prop::sample::select(vec!["NoSuchEntity", HOSTILE]));
    (service, operation, span(), 1_u32..4, any::<bool>(), error).prop_map(
        |(service, operation, span, tries, has_attempts, error)| {
            let part = span.length() / (2 * tries - 1);
            let attempt =
                |index| Span { begin: span.begin + part * 2 * index, end: span.begin + part * (2 * index + 1) };
            Call {
                service: service.to_owned(),
                operation: operation.to_owned(),
                span,
                tries,
                attempts: if has_attempts { (0..tries).map(attempt).collect() } else { Vec::new() },
                error: error.map(str::to_owned),
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let plan =
        prop::collection::vec(prop::sample::select(vec!["create role `a`", "tag \"b\"\u{200b}\\", HOSTILE]), 0..4);
    let plan = plan.prop_map(|steps| {
        let steps: Vec<_> = steps.into_iter().map(str::to_owned).collect();
        EventKind::Plan { steps }
    });
    let backoff = (1_u64..200).prop_map(|ms| EventKind::Backoff {
        length: Duration::from_millis(ms),
        reason: "not consistent yet: create role `a`: AccessDenied".to_owned(),
    });
    let warning = Just(EventKind::Warning(format!("warning: {HOSTILE}")));
    (0_u64..350, prop_oneof![plan, backoff, warning])
        .prop_map(|(ms, kind)| Event { at: Duration::from_millis(ms), kind })
}

fn outcome() -> impl Strategy<Value = Option<Outcome>> {
    let reason = prop::sample::select(vec![None, Some(HOSTILE.to_owned()), Some("why ".repeat(1000))]);
    let outcome = (reason, any::<bool>(), 0_u64..500).prop_map(|(reason, delivered, ms)| Outcome {
        status: if reason.is_some() { "FAILED" } else { "SUCCESS" }.to_owned(),
        reason,
        delivered,
        after: Duration::from_millis(ms),
    });
    prop::option::weighted(0.8, outcome)
}

/// Generates runs with at least one call.
pub(super) fn run() -> impl Strategy<Value = Run> {
    let step = (span(), prop::option::of(Just(HOSTILE.to_owned()))).prop_map(|(span, error)| Step {
        name: "create role `a`".to_owned(),
        span,
        error,
    });
    let lists =
        (prop::collection::vec(call(), 1..40), prop::collection::vec(step, 0..6), prop::collection::vec(event(), 0..6));
    (lists, outcome()).prop_map(|((mut calls, mut steps, mut events), outcome)| {
        calls.sort_by_key(|call| call.span);
        steps.sort_by_key(|step| step.span);
        events.sort_by_key(|event| event.at);
        Run {
            operation: "Create".to_owned(),
            request_id: "r".to_owned(),
            stack_id: "arn:aws:cloudformation:us-east-1:111122223333:stack/platform/6f1d".to_owned(),
            logical_resource_id: HOSTILE.to_owned(),
            began: "2026-11-26T02:10:00Z".parse().unwrap(),
            calls,
            steps,
            events,
            outcome,
        }
    })
}

/// Returns the lines that the function would log for a run.
pub(super) fn logged(run: &Run) -> Vec<Value> {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let line = |at: Duration, level: &str, fields: Value| {
        let mut line = json!({"timestamp": (run.began + at).to_string(), "level": level});
        line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        line
    };
    let info = |at: Duration, event: LogEvent| line(at, "INFO", json!(event));
    let request = RequestLine {
        operation: run.operation.clone(),
        request_id: run.request_id.clone(),
        stack_id: run.stack_id.clone(),
        logical_resource_id: run.logical_resource_id.clone(),
        ..RequestLine::default()
    };
    let mut lines = vec![info(Duration::from_millis(1), LogEvent::Request(request))];
    for Call { service, operation, span, tries, attempts, error } in &run.calls {
        let call = CallLine {
            service: service.clone(),
            operation: operation.clone(),
            at_ms: ms(span.begin),
            ms: ms(span.length()),
            tries: *tries,
            attempts: attempts.iter().map(|attempt| (ms(attempt.begin), ms(attempt.length()))).collect(),
            error: error.clone(),
        };
        lines.push(info(span.end, LogEvent::Call(call)));
    }
    for Step { name, span, error } in &run.steps {
        let step = StepLine { step: name.clone(), at_ms: ms(span.begin), ms: ms(span.length()), error: error.clone() };
        let logged = if error.is_some() { LogEvent::Failed(step) } else { LogEvent::Done(step) };
        lines.push(info(span.end, logged));
    }
    for Event { at, kind } in &run.events {
        lines.push(match kind {
            EventKind::Plan { steps } => info(*at, LogEvent::Plan { steps: steps.clone() }),
            EventKind::Backoff { length, .. } => {
                let retry = RetryLine {
                    why: "not consistent yet".to_owned(),
                    after_ms: u64::try_from(length.as_millis()).unwrap(),
                    step: Some("create role `a`".to_owned()),
                    error: Some("AccessDenied".to_owned()),
                };
                info(*at, LogEvent::Retry(retry))
            }
            EventKind::Warning(_) => line(*at, "WARN", json!({"message": "warning", "warning": HOSTILE})),
        });
    }
    if let Some(Outcome { status, reason, delivered, after }) = &run.outcome {
        let outcome = OutcomeLine {
            status: status.clone(),
            reason: reason.clone(),
            physical_resource_id: String::new(),
            delivered: *delivered,
            ms: u64::try_from(after.as_millis()).unwrap(),
        };
        lines.push(info(*after, LogEvent::Outcome(outcome)));
    }
    lines
}

/// Joins lines to a text.
pub(super) fn text<T: fmt::Display>(lines: impl IntoIterator<Item = T>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + &line.to_string() + "\n")
}
