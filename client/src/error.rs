//! The one error of this crate. Each variant says what was done, with which peer or path, and why it failed; what to do
//! next is the command line's to say.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

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

impl ClientError {
    pub(crate) fn option(key: &'static str, value: impl Display, allowed: &'static str) -> Self {
        Self::Option { key, value: value.to_string(), allowed }
    }
}
