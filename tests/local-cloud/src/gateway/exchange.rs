//! Handles one call from its arrival to its end: records it, applies the rules, checks it, forwards it and rewrites the
//! response. All gateways use this, each with its own way to identify calls and its own checks.

use std::{future::pending, sync::Arc};

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    http::request::Parts,
};
use tokio::time::sleep;

use super::{
    call::Call,
    effect::{Effect, Rewrite},
    journal::{CallGuard, Journal},
    response::{ErrorResponse, ServiceResponse},
    rules::Rules,
    server::{Body, CloseConnection, Connection},
    strict::Strict,
    upstream::{Upstream, UpstreamError, end_to_end},
};

/// The settings of a gateway.
pub(crate) struct Exchange {
    pub(crate) upstream: Upstream,
    pub(crate) journal: Journal,
    pub(crate) rules: Rules,
    /// Identifies the call of a request.
    pub(crate) identify: fn(&Parts, Bytes) -> Call,
    /// Checks of AWS that the emulator lacks.
    pub(crate) strict: Option<Strict>,
    /// Changes every response, before the rules do.
    pub(crate) rewrite: Option<Arc<Rewrite>>,
}

impl Exchange {
    /// Handles one request.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, CloseConnection> {
        let (parts, body) = request.into_parts();
        // A caller that leaves in the middle of a request has made no call.
        let body = body.collect().await.map_err(|_| CloseConnection)?.to_bytes();
        let mut call = (self.identify)(&parts, body);
        let guard = self.journal.begin(&mut call);
        let effects = self.rules.apply(&call);

        for effect in &effects {
            guard.set_fault(effect.name());
            match effect {
                Effect::Delay(delay) => sleep(*delay).await,
                Effect::HoldBefore(hold) => hold.wait().await,
                _ => {}
            }
        }
        for effect in &effects {
            let error = match effect {
                Effect::Refuse(error) => error.clone(),
                Effect::Throttle => ErrorResponse::throttled(&call.service),
                Effect::Error500 => ErrorResponse::internal(&call.service),
                Effect::Deny => ErrorResponse::denied(&call),
                Effect::RespondWith(respond) => {
                    return Ok(finish(&guard, respond(&call)).into_response(&call.method));
                }
                Effect::CutBefore => return Err(CloseConnection),
                Effect::Reset => return Err(connection.reset()),
                Effect::Hang => return pending().await,
                _ => continue,
            };
            return Ok(finish(&guard, error.response(&call)).into_response(&call.method));
        }

        // A task of its own, because AWS performs a call that it has received, even if the caller leaves before the response.
        let performed = tokio::spawn(perform(self, parts, call, guard, effects.clone()));
        // It fails only if a rewrite panicked. The panic was printed already.
        let response = performed.await.map_err(|_| CloseConnection)?;
        for effect in &effects {
            match effect {
                Effect::HoldAfter(hold) => hold.wait().await,
                Effect::CutAfter => return Err(CloseConnection),
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
    guard: CallGuard,
    effects: Vec<Effect>,
) -> Response<Body> {
    if let Some(strict) = &exchange.strict
        && let Some(response) = strict.check(&call, &exchange.upstream).await
    {
        guard.set_fault("rejected as AWS would");
        return finish(&guard, response).into_response(&call.method);
    }
    let mut response = match forward(&exchange.upstream, &parts, &call).await {
        Ok(Forwarded::Whole(response)) => response,
        Ok(Forwarded::Stream(response)) => {
            guard.set_response(response.status().as_u16(), None);
            return response;
        }
        Err(error) => {
            tracing::warn!(%call, error = &error as &dyn std::error::Error, "call not forwarded");
            guard.set_fault("service unreachable");
            let response = ServiceResponse {
                status: StatusCode::BAD_GATEWAY,
                headers: HeaderMap::new(),
                body: error.to_string().into(),
            };
            return finish(&guard, response).into_response(&call.method);
        }
    };
    if let Some(strict) = &exchange.strict {
        strict.observe(&call, &response);
    }
    if let Some(rewrite) = &exchange.rewrite {
        rewrite(&call, &mut response);
    }
    for effect in &effects {
        if let Effect::Rewrite(rewrite) = effect {
            rewrite(&call, &mut response);
        }
    }
    finish(&guard, response).into_response(&call.method)
}

enum Forwarded {
    Whole(ServiceResponse),
    /// A response that does not end by itself. It is streamed.
    Stream(Response<Body>),
}

async fn forward(upstream: &Upstream, parts: &Parts, call: &Call) -> Result<Forwarded, UpstreamError> {
    let response = upstream.send(parts, call.body.clone()).await?;
    if call.is("kubernetes", "watch") {
        let (mut head, body) = response.into_parts();
        head.headers = end_to_end(&head.headers);
        return Ok(Forwarded::Stream(Response::from_parts(head, body.boxed_unsync())));
    }
    ServiceResponse::read(response).await.map(Forwarded::Whole)
}

fn finish(guard: &CallGuard, response: ServiceResponse) -> ServiceResponse {
    guard.set_response(response.status.as_u16(), response.error_code());
    response
}
