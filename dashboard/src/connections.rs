//! Connections: from accept to close, and what one client can cost the others.
//!
//! Enters: a listener, the routes, [`Limits`]. Leaves: requests with their [`Peer`], to the routes.
//!
//! | a client that | is bounded by |
//! |---|---|
//! | opens connections and more of them | `Limits::connections`; one more is told 503 and closed |
//! | sends its header slowly, or asks nothing more | `Limits::head`, then closed |
//! | sends a long header | [`HEAD_BYTES`], then told 431 |
//! | sends its body slowly, or asks what takes long | `Limits::request`, then told 503 |
//! | does not read its answer | `Limits::stall` without a byte taken, then closed |
//!
//! What must hold: an answer may be as long as it likes while its reader goes on reading, an event stream for days; all
//! times are of the monotonic clock; when told to stop, no more is accepted, what is being answered is answered within
//! `Limits::grace`, and what is still open then is dropped. Every connection's task is awaited.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use access::{Access, Grant, Tls};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use storage::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::patience::Patient;
use crate::problem::Problem;

/// Bytes of a request's line and header together, beyond which no more is read.
const HEAD_BYTES: usize = 64 << 10;
/// How long to wait when the system has no descriptor or memory to accept with.
const BACK_OFF: Duration = Duration::from_millis(100);
/// What one connection too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n\
    Content-Length: 40\r\nConnection: close\r\n\r\ntoo many connections (http.connections)\n";

/// What connections may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Requests a second of each token, or of each address of another machine.
    pub rate: u64,
    /// From the first moment of a connection, or the end of its last answer, to the end of the next header.
    pub head: Duration,
    /// From the end of a request's header to the beginning of its answer.
    pub request: Duration,
    /// How long a reader may take no byte of an answer that waits for it.
    pub stall: Duration,
    /// How long open answers go on after the end was asked for.
    pub grace: Duration,
}

impl Default for Limits {
    /// 1024 connections, 200 requests a second, 15 s for a header, 2 min for a request, 20 s for a reader that stalls,
    /// 3 s to end.
    fn default() -> Self {
        let [head, request, stall, grace] = [15, 120, 20, 3].map(Duration::from_secs);
        Self { connections: 1024, rate: 200, head, request, stall, grace }
    }
}

/// Who is at the other end of a connection; every request carries it as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// What its certificate grants, if it showed one that is known.
    pub(crate) grant: Option<Grant>,
}

/// Who is let in, and how.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    pub(crate) access: Access,
    pub(crate) tls: Option<Tls>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Accepts and serves until `stop`, then ends.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    entrance: Entrance,
    limits: Limits,
    stop: CancellationToken,
) {
    let routes = routes.layer(from_fn(move |request, next| timely(limits.request, request, next)));
    let service = TowerToHyperService::new(routes);
    let (free, tasks) = (Arc::new(Semaphore::new(limits.connections)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, address)) => match Arc::clone(&free).try_acquire_owned() {
                Ok(place) => {
                    let connection = Connection { service: service.clone(), limits, stop: stop.clone() };
                    let entrance = entrance.clone();
                    tasks.spawn(async move {
                        connection.serve(socket, address, entrance).await;
                        drop(place);
                    });
                }
                Err(_) => refuse(socket, address, limits.connections),
            },
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Says that there are too many, if the socket takes it at once.
fn refuse(socket: TcpStream, peer: SocketAddr, limit: usize) {
    tracing::debug!(%peer, limit, "too many connections");
    if let Ok(mut socket) = socket.into_std() {
        // What was sent is read before the end: closing with bytes unread would take the answer back.
        let _ = socket.write_all(FULL).and_then(|()| socket.shutdown(Shutdown::Write));
        let _ = socket.read(&mut [0; 4096]);
    }
}

/// Ends a request that takes too long to arrive, or to be answered.
async fn timely(limit: Duration, request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    answered.unwrap_or_else(|_| Problem::too_long(limit).into_response())
}

/// What a connection needs besides its socket.
struct Connection {
    service: TowerToHyperService<Router>,
    limits: Limits,
    stop: CancellationToken,
}

impl Connection {
    async fn serve(self, socket: TcpStream, address: SocketAddr, entrance: Entrance) {
        // Answers are written whole; waiting for more only makes them late.
        let _ = socket.set_nodelay(true);
        let Entrance { access, tls, clock } = entrance;
        let spoken = match tls {
            None => self.speak(socket, Peer { address, grant: None }).await,
            Some(tls) => {
                let agreed = self.stop.run_until_cancelled(tls.accept(socket, &access, clock.now())).await;
                match agreed {
                    Some(Ok((socket, grant))) => self.speak(socket, Peer { address, grant }).await,
                    Some(Err(error)) => return tracing::debug!(peer = %address, %error, "no TLS"),
                    None => return,
                }
            }
        };
        if let Err(error) = spoken {
            tracing::debug!(peer = %address, %error, "connection lost");
        }
    }

    /// Speaks HTTP until either side ends it.
    async fn speak<S>(self, socket: S, peer: Peer) -> Result<(), hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { service, limits, stop } = self;
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            service.call(request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES);
        let socket = TokioIo::new(Patient::new(socket, limits.stall));
        let mut connection = std::pin::pin!(http.serve_connection(socket, service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        // What is still open after the grace is dropped: an event stream has no end of its own.
        tokio::time::timeout(limits.grace, connection).await.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests;
