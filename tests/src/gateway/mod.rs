//! The gateway: one proxy before `MiniStack` that every call of the function goes through.
//!
//! ```text
//!  caller ──► identify ──► journal ──► rules ──► strict ──► MiniStack ──► rewrites ──► caller
//!            what is it   record it   faults    as AWS       as it came   cluster's CA
//! ```
//!
//! A call goes on as it came: method, path, query, headers with the Host that was signed, and body.
//! Map of the code: [`call`] is a request, told by `identify` (and `eks`, for its REST paths), and
//! [`journal`] keeps it; [`rules`] says [`when`] which [`effect`] strikes, and [`throttle`] is a rule by rate;
//! `strict` and `limits` refuse where AWS would and `MiniStack` does not; [`answer`] is what goes back. `exchange`
//! is the road of one call; [`kubernetes`] and [`sts`] are the same road before other services; `server` and
//! `upstream` are its two ends.

pub mod answer;
pub mod call;
mod cluster;
pub mod effect;
mod eks;
mod exchange;
mod identify;
pub mod journal;
pub mod kubernetes;
mod limits;
mod quotas;
pub mod rules;
pub(crate) mod server;
mod strict;
pub mod sts;
pub mod throttle;
mod upstream;
pub mod when;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use rustls::ServerConfig;
use tokio::net::TcpListener;

pub use self::{
    answer::{Answer, Refusal},
    call::{Access, Call, Caller},
    cluster::ClusterRewrite,
    effect::{Effect, Hold, Rewrite},
    journal::{Journal, Mark},
    kubernetes::KubernetesGateway,
    rules::{Installed, Rules},
    strict::{Consistency, Strictness},
    sts::StsProxy,
    throttle::{Bound as ThrottleBound, Limit, Throttle},
    when::When,
};
use self::{cluster::Clusters, exchange::Exchange, server::Server, strict::Strict, upstream::Upstream};

/// A port of 127.0.0.1 that is ours already, before anything is served on it: `MiniStack` must be told
/// the gateway's address when it starts, and the gateway must be told `MiniStack`'s.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds a free port.
    ///
    /// # Errors
    /// No port of 127.0.0.1 can be bound.
    pub async fn new() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that this will be served at, over TLS or not.
    pub fn url(&self, tls: bool) -> String {
        format!("{}://{}", if tls { "https" } else { "http" }, self.address)
    }
}

/// The gateway before `MiniStack`. Dropped, it stops.
pub struct Gateway {
    url: String,
    exchange: Arc<Exchange>,
    clusters: Arc<Clusters>,
    _server: Server,
}

impl Gateway {
    /// Binds a free port of 127.0.0.1, to be served by [`serve`](Self::serve).
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn bind() -> io::Result<Bound> {
        Bound::new().await
    }

    /// Stands at `bound`, over TLS where `tls` is given, and before `MiniStack` at `upstream`.
    pub fn serve(bound: Bound, upstream: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let clusters = Arc::new(Clusters::default());
        let rewritten = Arc::clone(&clusters);
        let exchange = Arc::new(Exchange {
            upstream: Upstream::http(upstream),
            journal: Journal::new(),
            rules: Rules::new(),
            identify: Call::aws,
            strict: Some(Strict::default()),
            rewrite: Some(Arc::new(move |call: &Call, answer: &mut Answer| {
                rewritten.rewrite(call, answer);
                limits::complete(call, answer);
            })),
        });
        let url = bound.url(tls.is_some());
        let shared = Arc::clone(&exchange);
        let server = Server::start(bound.listener, tls, move |request, connection, _| {
            Arc::clone(&shared).handle(request, connection)
        });
        Self { url, exchange, clusters, _server: server }
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The record of all calls.
    pub fn journal(&self) -> &Journal {
        &self.exchange.journal
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.exchange.rules
    }

    /// What `DescribeCluster` says of a cluster from now on, in every account and region.
    pub fn set_cluster(&self, name: impl Into<String>, rewrite: ClusterRewrite) {
        self.clusters.set(name.into(), rewrite);
    }

    /// What is refused from now on where AWS would and `MiniStack` does not. The default is all of
    /// it, without eventual consistency.
    pub fn set_strictness(&self, strictness: Strictness) {
        if let Some(strict) = &self.exchange.strict {
            strict.set(strictness);
        }
    }
}

#[cfg(test)]
mod tests;
