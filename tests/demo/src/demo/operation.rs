//! Runs one operation on the stack, and shows the stack's events and the function's calls.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent};
use local_cloud::{Error, gateway::Call};

use super::{
    Environment, Failure, Reporter,
    reporter::{Style, seconds},
};

/// A successful operation.
pub(crate) struct Operation {
    /// How long it took.
    pub(crate) took: Duration,
    calls: Vec<Call>,
}

impl Operation {
    /// Runs an operation, and prints the stack's events while it runs.
    pub(crate) async fn run(
        reporter: &mut Reporter,
        environment: &Environment,
        work: impl Future<Output = Result<(), Error>>,
    ) -> Result<Self, Failure> {
        let stack = environment.deployment.stack();
        let journal = environment.cloud.gateway().journal();
        let (begun, position) = (Instant::now(), journal.position());
        let mut id = Box::pin(stack.id()).await?;
        // Events of previous operations are not printed.
        let mut shown = match &id {
            Some(id) => Box::pin(stack.events_of(id)).await?.len(),
            None => 0,
        };
        let mut work = pin!(work);
        let mut result = None;
        while result.is_none() {
            tokio::select! {
                done = &mut work => result = Some(done),
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            if id.is_none() {
                id = Box::pin(stack.id()).await?;
            }
            let Some(id) = &id else { continue };
            let events = Box::pin(stack.events_of(id)).await?;
            for event in events.iter().skip(shown).filter(|event| is_printed(event)) {
                reporter.line(event_line(reporter, event, begun.elapsed()))?;
            }
            shown = events.len();
        }
        result.transpose()?;
        Ok(Self { took: begun.elapsed(), calls: journal.since(position) })
    }

    /// Prints the numbers of the function's calls.
    pub(crate) fn print_calls(&self, reporter: &mut Reporter) -> Result<(), Failure> {
        let (calls, writes) = (self.calls.len(), self.writes().count());
        reporter.blank_line()?;
        reporter.line(format_args!("The function made {} reads and {writes} writes.", calls - writes))
    }

    /// Prints the calls that changed something.
    pub(crate) fn print_writes(&self, reporter: &mut Reporter) -> Result<(), Failure> {
        for call in self.writes() {
            reporter.line(format_args!("  {}", call_line(call)))?;
        }
        Ok(())
    }

    /// Checks that the function ran, and made no write.
    pub(crate) fn check_no_writes(&self, reporter: &mut Reporter) -> Result<(), Failure> {
        let writes: Vec<_> = self.writes().map(call_line).collect();
        let check = format!("the function made {} reads and 0 writes", self.calls.len() - writes.len());
        let ran = !self.calls.is_empty();
        reporter.blank_line()?;
        reporter.check(ran && writes.is_empty(), check, || {
            if ran { writes.join("\n") } else { "the function did not run".to_owned() }
        })
    }

    fn writes(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.is_write())
    }
}

/// How often the stack's events are read.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Returns whether an event is printed: all events of the stack and of its custom resource, and the creations and failures of
/// other resources.
fn is_printed(event: &StackEvent) -> bool {
    let status = status(event);
    status == "CREATE_COMPLETE"
        || status.ends_with("_FAILED")
        || event.resource_type().is_some_and(|kind| kind.starts_with("Custom::") || kind.ends_with("::Stack"))
}

fn event_line(reporter: &Reporter, event: &StackEvent, after: Duration) -> String {
    let status = status(event);
    let failed = status.contains("FAILED") || status.contains("ROLLBACK");
    let style = match status {
        _ if failed => Style::Red,
        began if began.ends_with("_IN_PROGRESS") => Style::Dim,
        _ => Style::Green,
    };
    let status = reporter.paint(style, &format!("{status:<20}"));
    let (resource, kind) = (event.logical_resource_id().unwrap_or_default(), event.resource_type().unwrap_or_default());
    let reason = event.resource_status_reason().filter(|_| failed).map(|reason| format!("\n      {reason}"));
    format!("{:>6}  {status}  {resource:<16}  {kind}{}", seconds(after), reason.unwrap_or_default())
}

fn status(event: &StackEvent) -> &str {
    event.resource_status().map(ResourceStatus::as_str).unwrap_or_default()
}

/// Returns `iam:AttachRolePolicy RoleName=… PolicyArn=…`: the call with the parameters that identify its object.
fn call_line(call: &Call) -> String {
    let about = ["RoleName", "InstanceProfileName", "PolicyName", "PolicyArn"];
    let params = about.iter().filter_map(|name| Some(format!("{name}={}", call.param(name)?)));
    let tags = call.tag_keys().into_iter().map(|key| format!("tag {key}"));
    let ids = call.list("ResourceId").into_iter().map(str::to_owned);
    let words: Vec<_> = params.chain(ids).chain(tags).collect();
    match call.service.as_str() {
        "kubernetes" => format!("kubernetes:{} {}", call.operation, call.path),
        service => format!("{service}:{} {}", call.operation, words.join(" ")),
    }
}
