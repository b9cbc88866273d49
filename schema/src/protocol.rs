//! The ack protocol's lines.

use serde::{Deserialize, Serialize};

use crate::{ClientId, Error, Incarnation, MonitorId, Reject};

/// The version this crate speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// Whether a connection's first line asks for acks: `{"hourglass":` with any white space between.
pub fn is_hello(_line: &[u8]) -> bool {
    todo!()
}

/// The client's first line: `{"hourglass":{"version":1,"client":"<id>"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol's version.
    pub version: u32,
    /// Who it is: keeps its line count over connections.
    pub client: ClientId,
}

impl Hello {
    /// A greeting in this crate's version.
    pub fn new(client: ClientId) -> Self {
        Hello { version: PROTOCOL_VERSION, client }
    }

    /// The line, with its newline.
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }

    /// # Errors
    /// If it is no greeting, of another version, or without a valid client id.
    pub fn parse(_line: &[u8]) -> Result<Self, Error> {
        todo!()
    }
}

/// The monitor's answer to a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Which monitor.
    pub monitor: MonitorId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Lines of this client that are durably consumed.
    pub resume: u64,
    /// How many of them were rejected.
    pub rejected: u64,
    /// The longest line, in bytes.
    pub max_line: u64,
}

/// One line from the monitor to an acking client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The answer to the greeting.
    Welcome(Welcome),
    /// Lines 1 to this one are durable.
    Ack(u64),
    /// This line was not taken; sent before the ack that covers it.
    Reject {
        /// Its number, from 1.
        line: u64,
        /// Its first reason.
        reason: Reject,
    },
    /// The monitor refuses the connection; it closes after this.
    Error(String),
}

impl ServerFrame {
    /// Appends the line, with its newline.
    pub fn encode(&self, _out: &mut Vec<u8>) {
        todo!()
    }

    /// # Errors
    /// If the line is none of the frames.
    pub fn parse(_line: &[u8]) -> Result<Self, Error> {
        todo!()
    }
}
