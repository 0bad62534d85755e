//! One call, from its arrival to its end: recorded, struck by the rules, checked, passed on and
//! rewritten. Every gateway here is this, with its own way to tell calls and its own checks.

use std::{future::pending, sync::Arc};

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    http::request::Parts,
};
use tokio::time::sleep;

use super::{
    answer::{Answer, Refusal},
    call::Call,
    effect::{Effect, Rewrite},
    journal::{Journal, Ticket},
    rules::Rules,
    server::{Body, Connection, Cut},
    strict::Strict,
    upstream::{Upstream, UpstreamError, end_to_end},
};

/// A gateway's settings.
pub(crate) struct Exchange {
    pub(crate) upstream: Upstream,
    pub(crate) journal: Journal,
    pub(crate) rules: Rules,
    /// Tells what a request is.
    pub(crate) identify: fn(&Parts, Bytes) -> Call,
    /// The checks that the service behind leaves out.
    pub(crate) strict: Option<Strict>,
    /// What this gateway does to every answer, before the rules do.
    pub(crate) rewrite: Option<Arc<Rewrite>>,
}

impl Exchange {
    /// Takes one request to its end.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, Cut> {
        let (parts, body) = request.into_parts();
        // A caller that leaves in the middle of a request has not made a call.
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let mut call = (self.identify)(&parts, body);
        let ticket = self.journal.begin(&mut call);
        let effects = self.rules.strike(&call);

        for effect in &effects {
            ticket.note(effect.name());
            match effect {
                Effect::Delay(delay) => sleep(*delay).await,
                Effect::HoldBefore(hold) => hold.wait().await,
                _ => {}
            }
        }
        for effect in &effects {
            let refusal = match effect {
                Effect::Refuse(refusal) => refusal.clone(),
                Effect::Throttle => Refusal::throttled(&call.service),
                Effect::Error500 => Refusal::internal(&call.service),
                Effect::Deny => Refusal::denied(&call),
                Effect::Answer(answer) => {
                    return Ok(finish(&ticket, answer.clone()).into_response(&call.method));
                }
                Effect::CutBefore => return Err(Cut),
                Effect::Reset => return Err(connection.reset()),
                Effect::Hang => return pending().await,
                _ => continue,
            };
            return Ok(finish(&ticket, refusal.answer(&call)).into_response(&call.method));
        }

        // In a task of its own: a call that reached AWS is carried out, even if the caller is gone
        // before it is answered.
        let performed = tokio::spawn(perform(self, parts, call, ticket, effects.clone()));
        // It fails if a rewrite panicked, which has printed itself.
        let response = performed.await.map_err(|_| Cut)?;
        for effect in &effects {
            match effect {
                Effect::HoldAfter(hold) => hold.wait().await,
                Effect::CutAfter => return Err(Cut),
                _ => {}
            }
        }
        Ok(response)
    }
}

async fn perform(
    exchange: Arc<Exchange>,
    parts: Parts,
    call: Call,
    ticket: Ticket,
    effects: Vec<Effect>,
) -> Response<Body> {
    if let Some(strict) = &exchange.strict
        && let Some(answer) = strict.refuse(&call, &exchange.upstream).await
    {
        ticket.note("refused as AWS would");
        return finish(&ticket, answer).into_response(&call.method);
    }
    let mut answer = match pass_on(&exchange.upstream, &parts, &call).await {
        Ok(Passed::Whole(answer)) => answer,
        Ok(Passed::Stream(response)) => {
            ticket.answered(response.status().as_u16(), None);
            return response;
        }
        Err(error) => {
            tracing::warn!(%call, error = &error as &dyn std::error::Error, "call not passed on");
            ticket.note("service out of reach");
            let answer =
                Answer { status: StatusCode::BAD_GATEWAY, headers: HeaderMap::new(), body: error.to_string().into() };
            return finish(&ticket, answer).into_response(&call.method);
        }
    };
    if let Some(strict) = &exchange.strict {
        strict.observe(&call, &answer);
    }
    if let Some(rewrite) = &exchange.rewrite {
        rewrite(&call, &mut answer);
    }
    for effect in &effects {
        if let Effect::Rewrite(rewrite) = effect {
            rewrite(&call, &mut answer);
        }
    }
    finish(&ticket, answer).into_response(&call.method)
}

enum Passed {
    Whole(Answer),
    /// An answer that does not end by itself: it goes on as it comes.
    Stream(Response<Body>),
}

async fn pass_on(upstream: &Upstream, parts: &Parts, call: &Call) -> Result<Passed, UpstreamError> {
    let response = upstream.send(parts, call.body.clone()).await?;
    if call.is("kubernetes", "watch") {
        let (mut head, body) = response.into_parts();
        head.headers = end_to_end(&head.headers);
        return Ok(Passed::Stream(Response::from_parts(head, body.boxed_unsync())));
    }
    Answer::read(response).await.map(Passed::Whole)
}

fn finish(ticket: &Ticket, answer: Answer) -> Answer {
    ticket.answered(answer.status.as_u16(), answer.error_code());
    answer
}
