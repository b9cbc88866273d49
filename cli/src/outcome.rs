//! How a command ends: its exit code, and what an error looks like to the user.

use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use crate::advice::advice;
use crate::progress::say;

/// Wrong use or failure.
pub(crate) const FAILED: u8 = 2;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Fine,
    /// A difference was found, or something is unhealthy.
    Differs,
}

/// The exit code. An error is told on stderr with what to do next; a reader who closed the pipe has had enough,
/// which is no error.
pub(crate) fn exit_code(result: anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Differs) => ExitCode::from(1),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// Tells an error on stderr, with what to do next.
pub(crate) fn tell(error: &anyhow::Error) {
    say(&format!("hourglass: {}", in_full(error)));
    if let Some(next) = advice(error) {
        say(&format!("  {next}"));
    }
}

/// An error and its causes in one line. Some errors show their cause themselves: it is said once.
pub(crate) fn in_full(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// A failed write to stdout, told from a closed socket elsewhere.
#[derive(Debug)]
pub(crate) struct StdoutFailed(io::Error);

impl StdoutFailed {
    /// The same kind of error, marked.
    pub(crate) fn wrap(error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Self(error))
    }
}

impl fmt::Display for StdoutFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write to stdout: {}", self.0)
    }
}

impl std::error::Error for StdoutFailed {}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| {
            io.kind() == ErrorKind::BrokenPipe && io.get_ref().is_some_and(|inner| inner.is::<StdoutFailed>())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("no such host");
        let shows = StdoutFailed(cause());
        assert_eq!(in_full(&anyhow::Error::new(shows).context("query")), "query: cannot write to stdout: no such host");
        let peer = "h:1".to_owned();
        let error = anyhow::Error::new(client::ClientError::Connect { peer, source: cause() });
        assert_eq!(in_full(&error), "connecting to h:1: no such host");
        assert_eq!(in_full(&anyhow::Error::new(cause()).context("reading x")), "reading x: no such host");
    }

    #[test]
    fn only_a_pipe_closed_on_stdout_is_no_error() {
        let closed = || io::Error::from(ErrorKind::BrokenPipe);
        let stdout = anyhow::Error::new(StdoutFailed::wrap(closed())).context("query");
        assert!(is_closed_pipe(&stdout));
        let socket = Err::<(), _>(closed()).context("send").unwrap_err();
        assert!(!is_closed_pipe(&socket));
    }
}
