//! Sends the events of stacks, and passes the responses to them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, future::try_join_all, stream::FuturesUnordered};
use serde_json::Value;

use super::{
    delivery::{Delivered, Delivery},
    describe::{self, Stacks},
    request::Request,
    stack::Stack,
};
use crate::{
    cloud::Cloud,
    error::Error,
    gateway::{Effect, Hold, Journal, Rules, When},
    lambda::{
        Environments, FunctionOptions, Invocation, Outcome, ResponseBucket, ResponseUrl, environments::DELIVERIES,
        response::ANOTHER_BODY,
    },
    scenario::{CrashPoint, function_options},
};

/// How long AWS may take to complete the calls of a killed function.
const MAX_IDLE_WAIT: Duration = Duration::from_secs(20);

/// How long a response may take to arrive after the function has returned.
const ARRIVAL: Duration = Duration::from_millis(200);

/// CloudFormation and Lambda for one function in one cloud. Dropping it ends all processes.
pub struct Engine {
    responses: ResponseBucket,
    environments: Environments,
    stacks: Stacks,
    secrets: Arc<Mutex<Vec<String>>>,
    rules: Rules,
    journal: Journal,
}

impl Engine {
    /// Starts an engine for a function with the session of a role. `change` changes the options of the function.
    ///
    /// # Errors
    /// Fails when the role cannot be assumed, or no port is free for the responses.
    pub async fn start(
        cloud: &Cloud,
        role_arn: &str,
        change: impl FnOnce(&mut FunctionOptions),
    ) -> Result<Self, Error> {
        let mut options = function_options(cloud, role_arn).await?;
        change(&mut options);
        let (_, key, token) = options.credentials.clone();
        let secrets = SECRET_WORDS.map(str::to_owned).into_iter().chain([key]).chain(token).collect();
        let secrets = Arc::new(Mutex::new(secrets));
        let (rules, journal) = (cloud.gateway().rules().clone(), cloud.gateway().journal().clone());
        let stacks = Stacks::default();
        describe::serve(&rules, &stacks);
        collect_session_secrets(&rules, &secrets);
        let responses = ResponseBucket::start(None).await.map_err(Error::file("bind", "the port for responses"))?;
        Ok(Self { responses, environments: Environments::new(options), stacks, secrets, rules, journal })
    }

    /// Adds a stack, and replaces a stack with the same id.
    pub fn add(&self, stack: Stack) {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner).insert(stack.id().to_owned(), stack);
    }

    /// Calls `act` with a stack, to begin an operation or to read the state.
    ///
    /// # Panics
    /// Panics when the stack does not exist.
    pub fn stack<T>(&self, id: &str, act: impl FnOnce(&mut Stack) -> T) -> T {
        let mut stacks = self.stacks.lock().unwrap_or_else(PoisonError::into_inner);
        act(stacks.get_mut(id).unwrap_or_else(|| panic!("there is no stack {id}")))
    }

    /// Delivers requests, and all requests that follow from their responses, at the same time, until there are no more.
    /// Returns the results in the order in which they end.
    ///
    /// # Errors
    /// As [`Engine::deliver`].
    pub async fn deliver_all(&self, requests: Vec<Request>) -> Result<Vec<Delivered>, Error> {
        let mut ended = Vec::new();
        let mut under_way: FuturesUnordered<_> =
            requests.into_iter().map(|request| self.deliver_once(request)).collect();
        while let Some(delivered) = under_way.next().await {
            let mut delivered = delivered?;
            under_way.extend(std::mem::take(&mut delivered.next).into_iter().map(|request| self.deliver_once(request)));
            ended.push(delivered);
        }
        Ok(ended)
    }

    async fn deliver_once(&self, request: Request) -> Result<Delivered, Error> {
        Box::pin(self.deliver(request, &Delivery::default())).await
    }

    /// Delivers an event as Lambda does: again after an error, and again after the process was killed. The stack then gets
    /// the response, or the information that there was none.
    ///
    /// # Errors
    /// Fails when a process cannot be started, or a call does not end after a crash.
    pub async fn deliver(&self, request: Request, delivery: &Delivery) -> Result<Delivered, Error> {
        let url = self.responses.expect_signed_at(request.event.ids(), request.issued);
        let mut delivered = self.deliver_at(request, url, delivery).await?;
        let (request, response) = (&delivered.request, delivered.response.as_ref());
        let stack_id = request.stack_id().to_owned();
        delivered.next = self.stack(&stack_id, |stack| stack.handle_response(request, response));
        delivered.violations.extend(self.stack(&stack_id, Stack::take_violations));
        Ok(delivered)
    }

    /// Returns the event with a presigned URL, without delivering it. A caller can preview the event.
    pub fn event_for(&self, request: &Request) -> Value {
        request.event.with_response_url(&self.responses.expect_signed_at(request.event.ids(), request.issued))
    }

    /// Delivers an event again, long after its response. CloudFormation ignores the second response.
    ///
    /// # Errors
    /// As [`Engine::deliver`].
    pub async fn deliver_late(&self, earlier: &Delivered, delivery: &Delivery) -> Result<Delivered, Error> {
        self.deliver_at(earlier.request.clone(), earlier.url.clone(), delivery).await
    }

    async fn deliver_at(&self, request: Request, url: ResponseUrl, delivery: &Delivery) -> Result<Delivered, Error> {
        let earlier = self.responses.puts(&url).len();
        self.responses.script(&url, delivery.script.iter().copied());
        let event = if delivery.by_sns { request.event.by_sns(&url) } else { request.event.with_response_url(&url) };
        let crashed = match &delivery.crash {
            Some((when, point)) => self.deliver_and_crash(&event, delivery.limit, when, *point).await?,
            None => None,
        };
        let (invocations, crashed) = match crashed {
            // The run ended before it made that call, so this was the delivery.
            Some(Some(invocation)) => (vec![invocation], false),
            Some(None) => (self.until_returned(&event, delivery.limit).await?, true),
            None => {
                let copies = (0..delivery.copies).map(|_| self.until_returned(&event, delivery.limit));
                (try_join_all(copies).await?.concat(), false)
            }
        };
        let response = self.responses.take_after(&url, earlier, ARRIVAL).await.ok();
        let mut delivered =
            Delivered { request, url, response, invocations, crashed, next: Vec::new(), violations: Vec::new() };
        delivered.violations = self.find_violations(&delivered);
        Ok(delivered)
    }

    /// Delivers an event until the function returns, at most as often as Lambda does.
    async fn until_returned(&self, event: &Value, limit: Duration) -> Result<Vec<Invocation>, Error> {
        let mut invocations = Vec::new();
        for _ in 0..DELIVERIES {
            let invocation = self.environments.deliver(event, limit).await?;
            let returned = invocation.returned();
            invocations.push(invocation);
            if returned {
                break;
            }
        }
        Ok(invocations)
    }

    /// Delivers an event and kills the process at a call. Then waits until AWS has completed the running calls.
    /// Returns `Some(None)` when the process was killed, and `Some(Some(…))` when the run ended without that call.
    async fn deliver_and_crash(
        &self,
        event: &Value,
        limit: Duration,
        when: &When,
        point: CrashPoint,
    ) -> Result<Option<Option<Invocation>>, Error> {
        let hold = Hold::new();
        let effect = match point {
            CrashPoint::Before => Effect::HoldBefore(hold.clone()),
            CrashPoint::After => Effect::HoldAfter(hold.clone()),
        };
        let rule = self.rules.add(when.clone(), effect);
        let ended = tokio::select! {
            invocation = self.environments.deliver(event, limit) => invocation.map(Some),
            () = hold.reached() => Ok(None),
        };
        let is_idle = self.journal.wait_until_idle(MAX_IDLE_WAIT).await;
        rule.remove();
        if is_idle {
            ended.map(Some)
        } else {
            Err(Error::Unusable(format!("a call is still running {MAX_IDLE_WAIT:?} after the crash")))
        }
    }

    /// Returns the rules that the responses, the logs or the duration violate.
    fn find_violations(&self, delivered: &Delivered) -> Vec<String> {
        let mut violations =
            delivered.response.as_ref().map(|response| response.violations.clone()).unwrap_or_default();
        if differ_only_by_stack_status(delivered) {
            violations.retain(|violation| !violation.contains(ANOTHER_BODY));
        }
        let killed = delivered.invocations.iter().filter(|invocation| invocation.outcome == Outcome::Killed).count();
        if killed != 0 {
            violations.push(format!("the function reached its deadline {killed} times"));
        }
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets: Vec<_> = secrets.iter().map(String::as_str).chain([delivered.url.secret()]).collect();
        let outcomes = delivered.invocations.iter().map(|invocation| format!("{:?}", invocation.outcome));
        let logs = delivered.invocations.iter().map(Invocation::log_text);
        let puts = self.responses.puts(&delivered.url);
        let bodies = puts.iter().map(|put| String::from_utf8_lossy(&put.body).into_owned());
        for text in logs.chain(outcomes).chain(bodies) {
            let leaked = secrets.iter().filter(|secret| text.contains(**secret));
            violations.extend(leaked.map(|secret| {
                let line = text.lines().find(|line| line.contains(*secret)).unwrap_or_default();
                format!("a secret is in the output: {line}")
            }));
        }
        violations
    }
}

/// Returns whether a late duplicate was delivered several times at the same time, and only some of the runs could read the
/// stack status. Those respond that it is a late duplicate. The others decide by the event's date. CloudFormation ignores
/// both responses.
fn differ_only_by_stack_status(delivered: &Delivered) -> bool {
    let puts = delivered.response.iter().flat_map(|response| &response.puts);
    let is_late = |body: &[u8]| String::from_utf8_lossy(body).contains("a late duplicate");
    let (late, others): (Vec<_>, Vec<_>) = puts.map(|put| &put.body).partition(|body| is_late(body));
    let is_same = |bodies: &[_]| bodies.windows(2).all(|pair| pair[0] == pair[1]);
    !late.is_empty() && is_same(&late) && is_same(&others) && delivered.log_text().contains(STATUS_UNKNOWN)
}

/// The function logs this when it cannot read the stack status.
const STATUS_UNKNOWN: &str = "the stack status could not be read";

/// Texts that every secret of some kind contains, and that no other text of the function contains.
const SECRET_WORDS: [&str; 4] = ["k8s-aws-v1.", "X-Amz-Signature", "X-Amz-Security-Token", "Bearer "];

/// Collects the secrets of the sessions that STS returns to the function.
fn collect_session_secrets(rules: &Rules, secrets: &Arc<Mutex<Vec<String>>>) {
    let secrets = Arc::clone(secrets);
    let learn = Effect::rewrite(move |_, response| {
        let text = response.text();
        for name in ["SecretAccessKey", "SessionToken"] {
            // An error response has none.
            let value = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split('<').next());
            secrets.lock().unwrap_or_else(PoisonError::into_inner).extend(value.map(str::to_owned));
        }
    });
    rules.add(When::call("sts", "AssumeRole"), learn);
}
