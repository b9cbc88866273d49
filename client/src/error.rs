//! The one error of this crate. Each variant says what was done, with which peer or path, and why it failed; what to do
//! next is the command line's to say.

use std::fmt::{self, Display};
use std::io;
use std::path::PathBuf;

use schema::{ClientId, Incarnation, MonitorId};

use crate::tls::{TlsFault, fault};

/// A failure, with where it happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// An option that cannot be.
    #[error("{key} is {value}; allowed: {allowed}")]
    Option {
        /// The option.
        key: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// Nobody answered, for as long as we were to try.
    #[error("connecting to {peer}: {source}")]
    Connect {
        /// The address.
        peer: String,
        /// The last attempt's failure.
        source: io::Error,
    },
    /// The two ends do not agree on TLS.
    #[error("connecting to {peer}: {source}")]
    Tls {
        /// The address.
        peer: String,
        /// Why, by kind.
        fault: TlsFault,
        /// Why.
        source: io::Error,
    },
    /// A connection without acks broke: what it still had is lost, so nothing is sent again.
    #[error("sending to {peer}: {source}")]
    Send {
        /// The address.
        peer: String,
        /// Why.
        source: io::Error,
    },
    /// The monitor refused this client.
    #[error("{peer} refused the session: {reason}")]
    Refused {
        /// The address.
        peer: String,
        /// The monitor's words.
        reason: String,
    },
    /// The monitor was sealed: it acknowledges nothing any more, and there is no other one that could.
    #[error("{peer}: {reason}")]
    Sealed {
        /// The address.
        peer: String,
        /// The monitor's words.
        reason: String,
    },
    /// Sessions ended with lines that were not acknowledged. Whether the monitor has them nobody can tell: they are
    /// never sent again by themselves.
    #[error("{source}; {}", told(lines))]
    Unacknowledged {
        /// Which lines, by session.
        lines: Vec<Unacknowledged>,
        /// Why the first session ended.
        source: Box<ClientError>,
    },
    /// What came back is not the protocol.
    #[error("{peer} sent an unexpected answer: {answer}")]
    Protocol {
        /// The address.
        peer: String,
        /// The line, or what is wrong with it.
        answer: String,
    },
    /// Another monitor, or the same one with its data lost, answers at this address: what was acknowledged is not
    /// there, so going on would lose or double lines.
    #[error("{peer} is monitor {now} and was {before}: lines acknowledged by {before} are not there")]
    MonitorChanged {
        /// The address.
        peer: String,
        /// `<id>/<incarnation>` of the first answer.
        before: String,
        /// `<id>/<incarnation>` of this answer.
        now: String,
    },
    /// The monitor knows fewer lines than it acknowledged, or more than were sent.
    #[error("{peer} would resume after line {resume}; lines {acked} to {sent} are possible")]
    ResumeOutOfRange {
        /// The address.
        peer: String,
        /// The monitor's count.
        resume: u64,
        /// The highest acknowledged line.
        acked: u64,
        /// The highest sent line.
        sent: u64,
    },
    /// This machine does not tell how it is.
    #[error("measuring {what}: {reason}")]
    Sample {
        /// What was to be measured.
        what: &'static str,
        /// Why it was not.
        reason: String,
    },
    /// The inputs have fewer lines than the monitor has of this client already: they are not the ones it was sent.
    #[error("the inputs end at line {lines}, and the monitor has {resume} lines of this client: another client id?")]
    InputsTooShort {
        /// How many lines the inputs have.
        lines: u64,
        /// How many the monitor has.
        resume: u64,
    },
    /// An input could not be read.
    #[error("reading {}: {source}", path.display())]
    Input {
        /// The file, `-` for standard input.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Lines of one client without an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unacknowledged {
    /// Whose lines.
    pub client: ClientId,
    /// The number of the first one.
    pub first: u64,
    /// And of the last one that was handed over.
    pub last: u64,
    /// Who was to acknowledge them.
    pub monitor: MonitorId,
    /// And which life of it.
    pub incarnation: Incarnation,
}

impl Display for Unacknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, first, last, monitor, incarnation } = self;
        match last - first {
            0 => write!(f, "line {first} of client {client} was")?,
            _ => write!(f, "lines {first} to {last} of client {client} were")?,
        }
        write!(f, " not acknowledged by monitor {monitor}/{incarnation}")
    }
}

fn told(lines: &[Unacknowledged]) -> String {
    let told: Vec<_> = lines.iter().map(ToString::to_string).collect();
    told.join("; ")
}

impl ClientError {
    /// Why it failed, without what was not acknowledged.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Unacknowledged { source, .. } => source.cause(),
            error => error,
        }
    }

    /// Parts the lines that were not acknowledged from why.
    pub(crate) fn part(self) -> (Self, Vec<Unacknowledged>) {
        match self {
            Self::Unacknowledged { lines, source } => (*source, lines),
            error => (error, Vec::new()),
        }
    }

    /// The same, naming these lines too.
    pub(crate) fn with(self, more: impl IntoIterator<Item = Unacknowledged>) -> Self {
        let (source, mut lines) = self.part();
        lines.extend(more);
        match lines.is_empty() {
            true => source,
            false => Self::Unacknowledged { lines, source: Box::new(source) },
        }
    }

    /// What an attempt to connect ended with.
    pub(crate) fn connect(peer: &str, source: io::Error) -> Self {
        let peer = peer.to_owned();
        match fault(&source) {
            Some(fault) => Self::Tls { peer, fault, source },
            None => Self::Connect { peer, source },
        }
    }

    /// A connection without acks broke, or TLS never came about: of our certificate one hears late.
    pub(crate) fn send(peer: &str, source: io::Error) -> Self {
        let peer = peer.to_owned();
        match fault(&source) {
            Some(fault @ (TlsFault::Own | TlsFault::Encrypted)) => Self::Tls { peer, fault, source },
            _ => Self::Send { peer, source },
        }
    }

    pub(crate) fn option(key: &'static str, value: impl Display, allowed: &'static str) -> Self {
        Self::Option { key, value: value.to_string(), allowed }
    }
}
