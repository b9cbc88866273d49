//! The outbox: frames on their way to one client, as far as its socket takes them.

use std::io;

use crate::socket::Socket;

/// Frames on their way to the client.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Encoded, the first of them perhaps sent already.
    pub(crate) frames: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Sends as much as the socket takes; whether that was all.
    pub(crate) fn send(&mut self, socket: &Socket) -> io::Result<bool> {
        while self.sent < self.frames.len() {
            match socket.try_write(&self.frames[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        *self = Self::default();
        Ok(true)
    }
}
