//! The listener: accepts connections, up to `listen.connections`.
//!
//! One beyond the limit gets a line that says so, and is closed; it costs no
//! task and no memory. The listener ends with the drain, its connections by
//! themselves: whoever owns the tracker awaits them.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use schema::ServerFrame;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::connection::Connection;
use crate::ingest::Ingest;

/// How long to wait when the system has no descriptor or memory to accept with.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Accepts until the drain begins; serves every connection in `connections`.
pub(crate) async fn listen(listener: TcpListener, ingest: Arc<Ingest>, connections: TaskTracker) {
    let free = Arc::new(Semaphore::new(ingest.connections));
    let mut refusals = Refusals::default();
    loop {
        let accepted = tokio::select! {
            () = ingest.drain.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(BACK_OFF).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
            refusals.refuse(socket, peer, ingest.connections);
            continue;
        };
        // Acks are small and wanted soon; without this they only come later.
        let _ = socket.set_nodelay(true);
        let connection = Connection::new(socket, peer, Arc::clone(&ingest));
        connections.spawn(async move {
            connection.serve().await;
            drop(place);
        });
    }
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
