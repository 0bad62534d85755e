//! What sends the stacks' events, and brings their answers back.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, future::try_join_all, stream::FuturesUnordered};
use serde_json::Value;

use super::{
    delivery::{Delivered, Delivery},
    request::Request,
    shown::{self, Stacks},
    stack::Stack,
};
use crate::{
    cloud::Cloud,
    error::Error,
    gateway::{Effect, Hold, Journal, Rules, When},
    lambda::{
        Answers, Environments, FunctionOptions, Invocation, Outcome, ResponseUrl, answer::ANOTHER_BODY,
        environments::DELIVERIES,
    },
    scenario::{Cut, function_options},
};

/// How long AWS may take to end what a killed function had asked for.
const SETTLE: Duration = Duration::from_secs(20);

/// How long an answer may be on its way when the function has returned.
const ARRIVAL: Duration = Duration::from_millis(200);

/// CloudFormation and Lambda for one function in one cloud. Dropped, all its processes are gone.
pub struct Engine {
    answers: Answers,
    environments: Environments,
    stacks: Stacks,
    secrets: Arc<Mutex<Vec<String>>>,
    rules: Rules,
    journal: Journal,
}

impl Engine {
    /// A function that has the session of a role, with options changed so.
    ///
    /// # Errors
    /// When there is no session, or no port for the answers.
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
        shown::serve(&rules, &stacks);
        watch_sessions(&rules, &secrets);
        let answers = Answers::start(None).await.map_err(Error::file("bind", "the port for answers"))?;
        Ok(Self { answers, environments: Environments::new(options), stacks, secrets, rules, journal })
    }

    /// Lets CloudFormation know a stack, in the place of one with the same id.
    pub fn add(&self, stack: Stack) {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner).insert(stack.id().to_owned(), stack);
    }

    /// Does something to a stack: begins an operation, or looks at it.
    ///
    /// # Panics
    /// When there is no such stack.
    pub fn stack<T>(&self, id: &str, act: impl FnOnce(&mut Stack) -> T) -> T {
        let mut stacks = self.stacks.lock().unwrap_or_else(PoisonError::into_inner);
        act(stacks.get_mut(id).unwrap_or_else(|| panic!("there is no stack {id}")))
    }

    /// Delivers what a stack sends and all that it sends because of the answers, side by side, until it rests. Gives
    /// what came of each, in the order of their ends.
    ///
    /// # Errors
    /// As [`Engine::deliver`].
    pub async fn settle(&self, requests: Vec<Request>) -> Result<Vec<Delivered>, Error> {
        let mut ended = Vec::new();
        let mut under_way: FuturesUnordered<_> = requests.into_iter().map(|request| self.plainly(request)).collect();
        while let Some(delivered) = under_way.next().await {
            let mut delivered = delivered?;
            under_way.extend(std::mem::take(&mut delivered.next).into_iter().map(|request| self.plainly(request)));
            ended.push(delivered);
        }
        Ok(ended)
    }

    async fn plainly(&self, request: Request) -> Result<Delivered, Error> {
        Box::pin(self.deliver(request, &Delivery::default())).await
    }

    /// Delivers an event as Lambda does: again after an error, and after the process was killed. The stack takes the
    /// answer, or that there was none.
    ///
    /// # Errors
    /// When a process cannot be started, or a call does not end after a power cut.
    pub async fn deliver(&self, request: Request, delivery: &Delivery) -> Result<Delivered, Error> {
        let url = self.answers.expect_signed_at(request.event.ids(), request.issued);
        let mut delivered = self.deliver_at(request, url, delivery).await?;
        let (request, answer) = (&delivered.request, delivered.answer.as_ref());
        let stack_id = request.stack_id().to_owned();
        delivered.next = self.stack(&stack_id, |stack| stack.answered(request, answer));
        delivered.wrong.extend(self.stack(&stack_id, Stack::take_wrong));
        Ok(delivered)
    }

    /// The event as it would be delivered, with a URL that nobody waits at: for who wants to know what it would do.
    pub fn shown(&self, request: &Request) -> Value {
        request.event.answered_at(&self.answers.expect_signed_at(request.event.ids(), request.issued))
    }

    /// Delivers an event once more, when it was answered long ago. Whatever comes of it, CloudFormation has its answer.
    ///
    /// # Errors
    /// As [`Engine::deliver`].
    pub async fn deliver_late(&self, earlier: &Delivered, delivery: &Delivery) -> Result<Delivered, Error> {
        self.deliver_at(earlier.request.clone(), earlier.url.clone(), delivery).await
    }

    async fn deliver_at(&self, request: Request, url: ResponseUrl, delivery: &Delivery) -> Result<Delivered, Error> {
        let earlier = self.answers.puts(&url).len();
        self.answers.script(&url, delivery.script.iter().copied());
        let event = if delivery.by_sns { request.event.by_sns(&url) } else { request.event.answered_at(&url) };
        let was_cut = match &delivery.power_cut {
            Some((when, cut)) => self.cut(&event, delivery.limit, when, *cut).await?,
            None => None,
        };
        let (invocations, was_cut) = match was_cut {
            // The run was over before it came to that call: this was the delivery.
            Some(Some(invocation)) => (vec![invocation], false),
            Some(None) => (self.until_returned(&event, delivery.limit).await?, true),
            None => {
                let copies = (0..delivery.copies).map(|_| self.until_returned(&event, delivery.limit));
                (try_join_all(copies).await?.concat(), false)
            }
        };
        let answer = self.answers.take_after(&url, earlier, ARRIVAL).await.ok();
        let mut delivered =
            Delivered { request, url, answer, invocations, was_cut, next: Vec::new(), wrong: Vec::new() };
        delivered.wrong = self.judged(&delivered);
        Ok(delivered)
    }

    /// Delivers an event until the function returns, as often as Lambda does.
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

    /// Delivers an event and kills the process at a call, then waits until AWS has ended what was asked of it. `None`
    /// inside: it was killed.
    async fn cut(
        &self,
        event: &Value,
        limit: Duration,
        when: &When,
        cut: Cut,
    ) -> Result<Option<Option<Invocation>>, Error> {
        let hold = Hold::new();
        let effect = match cut {
            Cut::Before => Effect::HoldBefore(hold.clone()),
            Cut::After => Effect::HoldAfter(hold.clone()),
        };
        let rule = self.rules.add(when.clone(), effect);
        let ended = tokio::select! {
            invocation = self.environments.deliver(event, limit) => invocation.map(Some),
            () = hold.reached() => Ok(None),
        };
        let settled = self.journal.settled(SETTLE).await;
        rule.remove();
        if settled {
            ended.map(Some)
        } else {
            Err(Error::Unusable(format!("a call is still under way {SETTLE:?} after the cut")))
        }
    }

    /// What is wrong with how an event was answered.
    fn judged(&self, delivered: &Delivered) -> Vec<String> {
        let mut wrong = delivered.answer.as_ref().map(|answer| answer.violations.clone()).unwrap_or_default();
        if is_split_by_silence(delivered) {
            wrong.retain(|wrong| !wrong.contains(ANOTHER_BODY));
        }
        let killed = delivered.invocations.iter().filter(|invocation| invocation.outcome == Outcome::Killed).count();
        if killed != 0 {
            wrong.push(format!("the function came to its deadline {killed} times"));
        }
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets: Vec<_> = secrets.iter().map(String::as_str).chain([delivered.url.secret()]).collect();
        let outcomes = delivered.invocations.iter().map(|invocation| format!("{:?}", invocation.outcome));
        let logs = delivered.invocations.iter().map(Invocation::log_text);
        let puts = self.answers.puts(&delivered.url);
        let bodies = puts.iter().map(|put| String::from_utf8_lossy(&put.body).into_owned());
        for text in logs.chain(outcomes).chain(bodies) {
            let told = secrets.iter().filter(|secret| text.contains(**secret));
            wrong.extend(told.map(|secret| {
                let line = text.lines().find(|line| line.contains(*secret)).unwrap_or_default();
                format!("a secret is told: {line}")
            }));
        }
        wrong
    }
}

/// Whether of several deliveries at once of a late duplicate only some got CloudFormation's word. Those say that they are late
/// duplicates, and those without it go by the event's date; CloudFormation reads neither.
fn is_split_by_silence(delivered: &Delivered) -> bool {
    let puts = delivered.answer.iter().flat_map(|answer| &answer.puts);
    let is_late = |body: &[u8]| String::from_utf8_lossy(body).contains("a late duplicate");
    let (late, others): (Vec<_>, Vec<_>) = puts.map(|put| &put.body).partition(|body| is_late(body));
    let is_same = |bodies: &[_]| bodies.windows(2).all(|pair| pair[0] == pair[1]);
    !late.is_empty() && is_same(&late) && is_same(&others) && delivered.log_text().contains(UNASKED)
}

/// What the function logs when CloudFormation does not answer its question.
const UNASKED: &str = "CloudFormation cannot be asked";

/// What is in every secret of a kind, and in nothing else that the function may say.
const SECRET_WORDS: [&str; 4] = ["k8s-aws-v1.", "X-Amz-Signature", "X-Amz-Security-Token", "Bearer "];

/// Learns the secrets of the sessions that STS gives the function.
fn watch_sessions(rules: &Rules, secrets: &Arc<Mutex<Vec<String>>>) {
    let secrets = Arc::clone(secrets);
    let learn = Effect::rewrite(move |_, answer| {
        let text = answer.text();
        for name in ["SecretAccessKey", "SessionToken"] {
            // A refusal has none.
            let value = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split('<').next());
            secrets.lock().unwrap_or_else(PoisonError::into_inner).extend(value.map(str::to_owned));
        }
    });
    rules.add(When::call("sts", "AssumeRole"), learn);
}
