//! One connection of a session: from the hello to whatever ends it.
//!
//! In: the window's pending bytes. Out: the monitor's frames. Must hold: what was read or written is never forgotten
//! when a future is dropped, as both happen without waiting once the socket is ready.

use std::io::{self, IoSlice};

use schema::{Hello, ServerFrame};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::TcpStream;

use super::window::Window;

/// How many chunks one write may span.
const SLICES: usize = 16;
/// Far above any frame: a longer line is not the protocol.
const MAX_FRAME: usize = 64 << 10;

/// An open connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    /// What was read and is no whole frame yet.
    unread: Vec<u8>,
}

impl Wire {
    /// Connects to `peer` and says hello; also returns the line that is the answer.
    pub(super) async fn open(peer: &str, hello: &Hello) -> io::Result<(Self, Vec<u8>)> {
        let mut stream = TcpStream::connect(peer).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&hello.encode()).await?;
        let mut reader = BufReader::new(&mut stream).take(MAX_FRAME as u64);
        let mut answer = Vec::new();
        reader.read_until(b'\n', &mut answer).await?;
        if !answer.ends_with(b"\n") {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before it welcomed us"));
        }
        let unread = reader.into_inner().buffer().to_vec();
        Ok((Self { stream, unread }, answer))
    }

    /// Waits until the socket can do something that is wanted; writes what fits, and returns what came.
    pub(super) async fn turn(&mut self, window: &mut Window) -> io::Result<Vec<u8>> {
        let interest = if window.pending() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let ready = self.stream.ready(interest).await?;
        let written = if ready.is_writable() { self.write(window) } else { Ok(()) };
        // A monitor that closed may have said why: that is read first.
        if ready.is_readable() || written.is_err() {
            let read = self.read()?;
            return if read.is_empty() { written.map(|()| read) } else { Ok(read) };
        }
        Ok(Vec::new())
    }

    fn write(&mut self, window: &mut Window) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = window.fill(&mut slices);
        match self.stream.try_write_vectored(&slices[..filled]) {
            Ok(count) => window.wrote(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whole frames, each with its newline; empty when nothing came.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut block = [0; 16 << 10];
        match self.stream.try_read(&mut block) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the monitor closed the connection")),
            Ok(n) => self.unread.extend_from_slice(&block[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
        let whole = memchr::memrchr(b'\n', &self.unread).map_or(0, |end| end + 1);
        if self.unread.len() - whole > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line that does not end"));
        }
        let rest = self.unread.split_off(whole);
        Ok(std::mem::replace(&mut self.unread, rest))
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
