//! The HTTP/1 server of all emulated services: with or without TLS. It can close or reset connections on purpose, and its end
//! does not interrupt responses.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// The body of a response: complete, or streamed from the upstream.
pub(crate) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Returns a complete body.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An error of a handler, which closes the connection instead of sending a response.
#[derive(Debug, thiserror::Error)]
#[error("connection closed on purpose")]
pub(crate) struct CloseConnection;

/// The connection of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    reset: Arc<AtomicBool>,
}

impl Connection {
    /// Makes the server end this connection with a TCP RST, so that the peer sees "connection reset" and not an end of file.
    /// It takes effect when the handler has returned [`CloseConnection`].
    pub(crate) fn reset(&self) -> CloseConnection {
        self.reset.store(true, Ordering::Relaxed);
        CloseConnection
    }
}

/// Stops a server and its connections.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    async fn stopped(&mut self) {
        // An error means that the server was dropped, which ends its connections too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// A running server. When it is dropped, it accepts no more connections, waits up to [`GRACE`] for running responses, and
/// closes the others.
#[derive(Debug)]
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    /// Serves `listener`, with TLS if `tls` is given. `handler` is called for each request.
    pub(crate) fn start<H, F>(listener: TcpListener, tls: Option<Arc<ServerConfig>>, handler: H) -> Self
    where
        H: Fn(Request<Incoming>, Connection, Stop) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response<Body>, CloseConnection>> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let accepted = Arc::new(AtomicUsize::new(0));
        let listener = Listener { listener, accepted: Arc::clone(&accepted) };
        tokio::spawn(accept(listener, tls.map(acceptor), handler, Stop(stopped)));
        Self { stop, accepted }
    }

    /// The number of connections that it has accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Returns a TLS acceptor for HTTP/1.1 only, because these servers do not support HTTP/2.
pub(crate) fn acceptor(config: Arc<ServerConfig>) -> TlsAcceptor {
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Serves one connection until it ends or the server stops.
pub(crate) async fn serve_connection<I, H, F>(io: I, connection: Connection, handler: H, mut stop: Stop)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Fn(Request<Incoming>, Connection, Stop) -> F,
    F: Future<Output = Result<Response<Body>, CloseConnection>>,
{
    let stop_of_requests = stop.clone();
    let service = service_fn(|request| handler(request, connection.clone(), stop_of_requests.clone()));
    let mut served = pin!(http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades());
    // An error means that the peer left or that the connection was closed on purpose. The server continues in both cases.
    tokio::select! {
        result = served.as_mut() => drop(result),
        () = stop.stopped() => {
            served.as_mut().graceful_shutdown();
            let _ = timeout(GRACE, served).await;
        }
    }
}

/// A listener that counts its connections.
struct Listener {
    listener: TcpListener,
    accepted: Arc<AtomicUsize>,
}

impl Listener {
    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.listener.accept().await?;
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }
}

async fn accept<H, F>(listener: Listener, tls: Option<TlsAcceptor>, handler: H, mut stop: Stop)
where
    H: Fn(Request<Incoming>, Connection, Stop) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, CloseConnection>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.stopped() => break,
        };
        while connections.try_join_next().is_some() {}
        // A failed accept has no effect on the next one. The peer has left, or no file handle is free.
        let Ok(stream) = accepted else { continue };
        let (tls, handler, stop) = (tls.clone(), handler.clone(), stop.clone());
        connections.spawn(async move {
            let connection = Connection::default();
            let Ok(socket) = Socket::new(stream, &connection) else {
                return;
            };
            match tls {
                None => serve_connection(socket, connection, handler, stop).await,
                Some(tls) => match tls.accept(socket).await {
                    Ok(io) => serve_connection(io, connection, handler, stop).await,
                    Err(error) => tracing::debug!(%error, "TLS handshake failed"),
                },
            }
        });
    }
    drop(listener);
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

/// A TCP stream that can end with a reset.
struct Socket {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Socket {
    fn new(stream: TcpStream, connection: &Connection) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, reset: Arc::clone(&connection.reset) })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::warn!(%error, "connection ends without the requested reset");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How long a stopping server waits for running responses. Hung calls never end by themselves.
const GRACE: Duration = Duration::from_millis(500);
