//! The gateway: a proxy in front of MiniStack. Every call of the function goes through it.
//!
//! ```text
//!  caller ──► identify ──► journal ──► rules ──► strict ──► MiniStack ──► rewrites ──► caller
//!            operation     record     faults    checks     unchanged     cluster's CA
//! ```
//!
//! A call is forwarded unchanged: method, path, query, headers with the signed Host, and body.
//!
//! | Module | Content |
//! |---|---|
//! | [`call`], `identify`, `eks` | A call, and how it is identified |
//! | [`journal`] | The record of all calls |
//! | [`rules`], [`when`], [`effect`] | Rules: the calls that they select, and their effects |
//! | [`throttle`] | A rule that limits the rate |
//! | `strict`, `limits`, `quotas` | Checks of AWS that MiniStack lacks |
//! | `cluster` | Completes the descriptions of EKS clusters |
//! | [`response`] | Responses and error responses |
//! | `exchange` | The handling of one call |
//! | [`kubernetes`], [`sts`] | The same in front of other services |
//! | `server`, `upstream` | The connections to the caller and to the service |

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
pub mod response;
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
    call::{Access, Call, Caller},
    cluster::ClusterRewrite,
    effect::{Effect, Hold, Rewrite},
    journal::{Journal, Position},
    kubernetes::KubernetesGateway,
    response::{ErrorResponse, ServiceResponse},
    rules::{Installed, Rules},
    strict::{Consistency, Strictness},
    sts::StsProxy,
    throttle::{Bound as ThrottleBound, Limit, Throttle},
    when::When,
};
use self::{cluster::Clusters, exchange::Exchange, server::Server, strict::Strict, upstream::Upstream};

/// A bound address that nothing is served on yet. MiniStack needs the gateway's address when it starts, and the
/// gateway needs MiniStack's address.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds a free port.
    ///
    /// # Errors
    /// Fails when no port of 127.0.0.1 is free.
    pub async fn new() -> io::Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Binds an address.
    ///
    /// # Errors
    /// Fails when the address is not free.
    pub async fn at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL, with or without TLS.
    pub fn url(&self, tls: bool) -> String {
        format!("{}://{}", if tls { "https" } else { "http" }, self.address)
    }
}

/// The gateway in front of MiniStack. Dropping it stops it.
pub struct Gateway {
    url: String,
    exchange: Arc<Exchange>,
    clusters: Arc<Clusters>,
    server: Server,
}

impl Gateway {
    /// Binds a free port of 127.0.0.1, for [`serve`](Self::serve).
    ///
    /// # Errors
    /// Fails when no port is free.
    pub async fn bind() -> io::Result<Bound> {
        Bound::new().await
    }

    /// Serves at `bound`, with TLS if `tls` is given, and forwards to MiniStack at `upstream`.
    pub fn serve(bound: Bound, upstream: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Self {
        let clusters = Arc::new(Clusters::default());
        let rewritten = Arc::clone(&clusters);
        let exchange = Arc::new(Exchange {
            upstream: Upstream::http(upstream),
            journal: Journal::new(),
            rules: Rules::new(),
            identify: Call::aws,
            strict: Some(Strict::default()),
            rewrite: Some(Arc::new(move |call: &Call, response: &mut ServiceResponse| {
                rewritten.rewrite(call, response);
                limits::complete_get_policy(call, response);
            })),
        });
        let url = bound.url(tls.is_some());
        let shared = Arc::clone(&exchange);
        let server = Server::start(bound.listener, tls, move |request, connection, _| {
            Arc::clone(&shared).handle(request, connection)
        });
        Self { url, exchange, clusters, server }
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The number of connections that it has accepted.
    pub fn connections(&self) -> usize {
        self.server.accepted()
    }

    /// The record of all calls.
    pub fn journal(&self) -> &Journal {
        &self.exchange.journal
    }

    /// The current rules.
    pub fn rules(&self) -> &Rules {
        &self.exchange.rules
    }

    /// Sets the values in responses for a cluster, in every account and region.
    pub fn set_cluster(&self, name: impl Into<String>, rewrite: ClusterRewrite) {
        self.clusters.set(name.into(), rewrite);
    }

    /// Sets the checks of AWS that MiniStack lacks. The default is all checks, without eventual consistency.
    pub fn set_strictness(&self, strictness: Strictness) {
        if let Some(strict) = &self.exchange.strict {
            strict.set(strictness);
        }
    }
}

#[cfg(test)]
mod tests;
