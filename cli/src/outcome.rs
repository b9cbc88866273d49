//! How a command ends: its exit code, and what an error looks like to the user.

use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use crate::advice::advice;

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
            eprintln!("hourglass: {error:#}");
            if let Some(next) = advice(&error) {
                eprintln!("  {next}");
            }
            ExitCode::from(FAILED)
        }
    }
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
    fn only_a_pipe_closed_on_stdout_is_no_error() {
        let closed = || io::Error::from(ErrorKind::BrokenPipe);
        let stdout = anyhow::Error::new(StdoutFailed::wrap(closed())).context("query");
        assert!(is_closed_pipe(&stdout));
        let socket = Err::<(), _>(closed()).context("send").unwrap_err();
        assert!(!is_closed_pipe(&socket));
    }
}
