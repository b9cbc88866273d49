//! One connection of a session: from the hello to whatever ends it.
//!
//! In: the window's pending bytes. Out: the monitor's frames. Must hold: what was read or written is never forgotten
//! when a future is dropped, as both happen without waiting once the socket is ready.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use schema::{Hello, ServerFrame};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::window::Window;
use crate::tls::{Stream, Tls, refuse_alert};

/// How many chunks one write may span.
const SLICES: usize = 16;
/// Far above any frame: a longer line is not the protocol.
const MAX_FRAME: usize = 64 << 10;
/// Read at once.
const BLOCK: usize = 16 << 10;

/// An open connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    unread: Unread,
}

/// What was read and is no whole frame yet.
#[derive(Debug)]
struct Unread(Vec<u8>);

impl Wire {
    /// Connects to `peer` and says hello; also returns the line that is the answer.
    pub(super) async fn open(peer: &str, hello: &Hello, tls: Option<&Tls>) -> io::Result<(Self, Vec<u8>)> {
        let mut stream = Stream::connect(peer, tls).await?;
        stream.write_all(&hello.encode()).await?;
        stream.flush().await?;
        let mut reader = BufReader::new(&mut stream).take(MAX_FRAME as u64);
        let mut answer = Vec::new();
        reader.read_until(b'\n', &mut answer).await?;
        if !answer.ends_with(b"\n") {
            refuse_alert(&answer)?;
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before it welcomed us"));
        }
        let unread = Unread(reader.into_inner().buffer().to_vec());
        Ok((Self { stream, unread }, answer))
    }

    /// Waits until the socket can do something that is wanted; writes what fits, and returns what came.
    pub(super) async fn turn(&mut self, window: &mut Window) -> io::Result<Vec<u8>> {
        match &mut self.stream {
            Stream::Plain(stream) => plain(stream, &mut self.unread, window).await,
            Stream::Tls(stream) => poll_fn(|cx| encrypted(stream, &mut self.unread, window, cx)).await,
        }
    }
}

async fn plain(stream: &TcpStream, unread: &mut Unread, window: &mut Window) -> io::Result<Vec<u8>> {
    let interest = if window.pending() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
    let ready = stream.ready(interest).await?;
    let written = if ready.is_writable() { write(stream, window) } else { Ok(()) };
    // A monitor that closed may have said why: that is read first.
    if ready.is_readable() || written.is_err() {
        let read = read(stream, unread)?;
        return if read.is_empty() { written.map(|()| read) } else { Ok(read) };
    }
    Ok(Vec::new())
}

fn write(stream: &TcpStream, window: &mut Window) -> io::Result<()> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let filled = window.fill(&mut slices);
    match stream.try_write_vectored(&slices[..filled]) {
        Ok(count) => window.wrote(count),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn read(stream: &TcpStream, unread: &mut Unread) -> io::Result<Vec<u8>> {
    let mut block = [0; BLOCK];
    match stream.try_read(&mut block) {
        Ok(n) => unread.whole(&block[..n]),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// As [`plain`], in one step that never waits: what TLS took it keeps, and a later step sends it.
fn encrypted(
    stream: &mut TlsStream<TcpStream>,
    unread: &mut Unread,
    window: &mut Window,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Vec<u8>>> {
    let written = write_encrypted(Pin::new(&mut *stream), window, cx);
    let mut block = [0; BLOCK];
    let mut buffer = ReadBuf::new(&mut block);
    match (Pin::new(stream).poll_read(cx, &mut buffer), written) {
        (Poll::Ready(read), _) => Poll::Ready(read.and_then(|()| unread.whole(buffer.filled()))),
        (Poll::Pending, Err(error)) => Poll::Ready(Err(error)),
        (Poll::Pending, Ok(true)) => Poll::Ready(Ok(Vec::new())),
        (Poll::Pending, Ok(false)) => Poll::Pending,
    }
}

/// Whether something was taken from the window.
fn write_encrypted(
    mut stream: Pin<&mut TlsStream<TcpStream>>,
    window: &mut Window,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let filled = window.fill(&mut slices);
    let taken = match filled {
        0 => None,
        _ => match stream.as_mut().poll_write_vectored(cx, &slices[..filled])? {
            Poll::Ready(count) => Some(count),
            Poll::Pending => None,
        },
    };
    if let Some(count) = taken {
        window.wrote(count);
    }
    match stream.poll_flush(cx) {
        Poll::Ready(Err(error)) => Err(error),
        _ => Ok(taken.is_some()),
    }
}

impl Unread {
    /// Whole frames, each with its newline, when these bytes came; none is the end.
    fn whole(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the monitor closed the connection"));
        }
        self.0.extend_from_slice(bytes);
        let whole = memchr::memrchr(b'\n', &self.0).map_or(0, |end| end + 1);
        if self.0.len() - whole > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line that does not end"));
        }
        let rest = self.0.split_off(whole);
        Ok(std::mem::replace(&mut self.0, rest))
    }
}

/// The frames in whole lines.
///
/// # Errors
/// The line that is none.
pub(super) fn frames(lines: &[u8]) -> impl Iterator<Item = Result<ServerFrame, String>> {
    lines
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| ServerFrame::parse(line).map_err(|_| String::from_utf8_lossy(line.trim_ascii_end()).into_owned()))
}
