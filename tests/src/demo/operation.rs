//! One operation on the stack: its events as they come, and the calls that the function made.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent};
use local_cloud::{Error, gateway::Call};

use super::{
    Failure, Page, Stage,
    page::{Style, seconds},
};

/// An operation that went well.
pub(crate) struct Operation {
    /// How long it took.
    pub(crate) took: Duration,
    calls: Vec<Call>,
}

impl Operation {
    /// Waits for an operation, and shows the stack's events meanwhile.
    pub(crate) async fn run(
        page: &mut Page,
        stage: &Stage,
        work: impl Future<Output = Result<(), Error>>,
    ) -> Result<Self, Failure> {
        let stack = stage.deployment.stack();
        let journal = stage.cloud.gateway().journal();
        let (begun, mark) = (Instant::now(), journal.mark());
        let mut id = Box::pin(stack.id()).await?;
        // Those of the operations before.
        let mut shown = match &id {
            Some(id) => Box::pin(stack.events_of(id)).await?.len(),
            None => 0,
        };
        let mut work = pin!(work);
        let mut result = None;
        while result.is_none() {
            tokio::select! {
                done = &mut work => result = Some(done),
                () = tokio::time::sleep(GLANCE) => {}
            }
            if id.is_none() {
                id = Box::pin(stack.id()).await?;
            }
            let Some(id) = &id else { continue };
            let events = Box::pin(stack.events_of(id)).await?;
            for event in events.iter().skip(shown).filter(|event| is_news(event)) {
                page.line(event_line(page, event, begun.elapsed()))?;
            }
            shown = events.len();
        }
        result.transpose()?;
        Ok(Self { took: begun.elapsed(), calls: journal.since(mark) })
    }

    /// How many calls the function made.
    pub(crate) fn tell_calls(&self, page: &mut Page) -> Result<(), Failure> {
        let (calls, writes) = (self.calls.len(), self.writes().count());
        page.gap()?;
        page.line(format_args!("The function made {} reads and {writes} writes.", calls - writes))
    }

    /// The calls that changed something.
    pub(crate) fn tell_writes(&self, page: &mut Page) -> Result<(), Failure> {
        for call in self.writes() {
            page.line(format_args!("  {}", call_line(call)))?;
        }
        Ok(())
    }

    /// That it ran, and made no write.
    pub(crate) fn wrote_nothing(&self, page: &mut Page) -> Result<(), Failure> {
        let writes: Vec<_> = self.writes().map(call_line).collect();
        let claim = format!("the function made {} reads and 0 writes", self.calls.len() - writes.len());
        let ran = !self.calls.is_empty();
        page.gap()?;
        page.claim(
            ran && writes.is_empty(),
            claim,
            || if ran { writes.join("\n") } else { "it did not run".to_owned() },
        )
    }

    fn writes(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.is_write())
    }
}

/// How often the stack's events are looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// What becomes of the stack and of its custom resource; of the rest that it is there, or what went wrong.
fn is_news(event: &StackEvent) -> bool {
    let status = status(event);
    status == "CREATE_COMPLETE"
        || status.ends_with("_FAILED")
        || event.resource_type().is_some_and(|kind| kind.starts_with("Custom::") || kind.ends_with("::Stack"))
}

fn event_line(page: &Page, event: &StackEvent, after: Duration) -> String {
    let status = status(event);
    let failed = status.contains("FAILED") || status.contains("ROLLBACK");
    let style = match status {
        _ if failed => Style::Red,
        began if began.ends_with("_IN_PROGRESS") => Style::Dim,
        _ => Style::Green,
    };
    let status = page.paint(style, &format!("{status:<20}"));
    let (resource, kind) = (event.logical_resource_id().unwrap_or_default(), event.resource_type().unwrap_or_default());
    let reason = event.resource_status_reason().filter(|_| failed).map(|reason| format!("\n      {reason}"));
    format!("{:>6}  {status}  {resource:<16}  {kind}{}", seconds(after), reason.unwrap_or_default())
}

fn status(event: &StackEvent) -> &str {
    event.resource_status().map(ResourceStatus::as_str).unwrap_or_default()
}

/// `iam:AttachRolePolicy RoleName=… PolicyArn=…`: the parameters that say what it is about.
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
