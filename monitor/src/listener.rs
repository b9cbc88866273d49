//! The listener: accepts connections, up to `listen.connections`.
//!
//! One beyond the limit gets a line that says so, and is closed; it costs no
//! task and no memory. The listener ends with the drain, once it has taken
//! every connection that the system accepted before: what such a client sent
//! counts as received. Connections end by themselves: whoever owns the tracker
//! awaits them.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::Tls;
use schema::ServerFrame;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::connection::Connection;
use crate::ingest::Ingest;
use crate::socket::{Socket, decrypt};

/// How long to wait when the system has no descriptor or memory to accept with.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Accepts until the drain begins; serves every connection in `connections`.
pub(crate) async fn listen(listener: TcpListener, ingest: Arc<Ingest>, connections: TaskTracker) {
    let drain = ingest.drain.clone();
    let mut door =
        Door { free: Arc::new(Semaphore::new(ingest.connections)), ingest, connections, refusals: Refusals::default() };
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => door.admit(socket, peer),
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
    door.admit_waiting(listener);
}

/// Who may come in.
struct Door {
    free: Arc<Semaphore>,
    ingest: Arc<Ingest>,
    connections: TaskTracker,
    refusals: Refusals,
}

impl Door {
    fn admit(&mut self, socket: TcpStream, peer: SocketAddr) {
        let Ok(place) = Arc::clone(&self.free).try_acquire_owned() else {
            self.ingest.instruments.connections_refused.inc();
            return self.refusals.refuse(socket, peer, self.ingest.connections);
        };
        self.ingest.instruments.connections.inc();
        // Acks are small and wanted soon; without this they only come later.
        let _ = socket.set_nodelay(true);
        let ingest = Arc::clone(&self.ingest);
        self.connections.spawn(async move {
            match ingest.tls.clone() {
                None => Connection::new(Socket::Plain(socket), peer, None, ingest).serve().await,
                Some(tls) => {
                    let serving = serve_encrypted(tls, socket, peer, ingest).await;
                    serving.unwrap_or_else(|error| tracing::debug!(%peer, %error, "no TLS"));
                }
            }
            drop(place);
        });
    }

    /// Admits those that the system accepted and the runtime has not yet seen; as many as may be connected, so that
    /// newcomers cannot keep it from ending.
    fn admit_waiting(&mut self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        for _ in 0..self.ingest.connections {
            let Ok((socket, peer)) = listener.accept() else { return };
            let ready = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
            if let Ok(socket) = ready {
                self.admit(socket, peer);
            }
        }
    }
}

/// Agrees on keys, and serves what is said behind them.
async fn serve_encrypted(tls: Tls, socket: TcpStream, peer: SocketAddr, ingest: Arc<Ingest>) -> io::Result<()> {
    let agreed = tls.accept(socket, &ingest.access, ingest.clock.now());
    let (client, grant) = tokio::select! {
        agreed = agreed => agreed?,
        // Who has not agreed on keys has sent nothing yet.
        () = ingest.drain.cancelled() => return Ok(()),
    };
    let (inner, outer) = UnixStream::pair()?;
    let connection = Connection::new(Socket::Decrypted(inner), peer, grant, ingest);
    decrypt(client, outer, connection.serve()).await;
    Ok(())
}

/// Refused connections, logged once a second at most.
#[derive(Debug, Default)]
struct Refusals {
    unlogged: u64,
    last: Option<Instant>,
}

impl Refusals {
    /// Says why, if the socket takes it at once, as a new one does; past the
    /// runtime, which has not looked at it yet.
    fn refuse(&mut self, socket: TcpStream, peer: SocketAddr, limit: usize) {
        let mut line = Vec::new();
        ServerFrame::Error(format!("too many connections: listen.connections is {limit}")).encode(&mut line);
        if let Ok(mut socket) = socket.into_std() {
            let _ = socket.write_all(&line).and_then(|()| socket.shutdown(Shutdown::Write));
        }
        self.unlogged += 1;
        if self.last.is_none_or(|last| last.elapsed() >= Duration::from_secs(1)) {
            tracing::warn!(refused = self.unlogged, limit, %peer, "too many connections");
            *self = Self { unlogged: 0, last: Some(Instant::now()) };
        }
    }
}
