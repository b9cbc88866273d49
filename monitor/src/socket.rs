//! The socket a connection reads: the client's own, or one that its decrypted bytes come from.
//!
//! A connection reads and writes without waiting, on a socket that says when it is ready. TLS is spoken beside it, by
//! [`decrypt`], over a pair of local sockets: so what is plain costs no more than it did.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest, Ready, copy_bidirectional_with_sizes};
use tokio::net::{TcpStream, UnixStream};

/// Bytes copied at a time, each way.
const COPIED: usize = 64 << 10;
/// How long a client may take to read the last bytes for it.
const FAREWELL: Duration = Duration::from_secs(1);

/// One end of a conversation.
#[derive(Debug)]
pub(crate) enum Socket {
    /// The client's.
    Plain(TcpStream),
    /// Beyond it, TLS is spoken.
    Decrypted(UnixStream),
}

macro_rules! either {
    ($socket:expr, $inner:ident => $call:expr) => {
        match $socket {
            Socket::Plain($inner) => $call,
            Socket::Decrypted($inner) => $call,
        }
    };
}

impl Socket {
    pub(crate) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_read(into))
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_write(bytes))
    }

    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        either!(self, socket => socket.ready(interest).await)
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        either!(self, socket => socket.readable().await)
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        either!(self, socket => socket.writable().await)
    }

    pub(crate) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => socket.read(into).await)
    }

    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        either!(self, socket => socket.shutdown().await)
    }
}

/// Copies between a client that speaks TLS and the conversation that `serving` holds at the other end of `plain`, until
/// that ends and the client has what was said to it.
pub(crate) async fn decrypt(
    mut client: tokio_rustls::server::TlsStream<TcpStream>,
    mut plain: UnixStream,
    serving: impl Future<Output = ()>,
) {
    let mut copying = std::pin::pin!(copy_bidirectional_with_sizes(&mut client, &mut plain, COPIED, COPIED));
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        () = serving.as_mut() => {
            let _ = tokio::time::timeout(FAREWELL, copying).await;
        }
        // The client is gone: what it sent is there to be read.
        _ = copying.as_mut() => serving.await,
    }
}
