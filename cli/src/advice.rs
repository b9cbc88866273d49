//! An error that says what to do next. What happened and where stay in the error's own chain; advice is shown
//! below it, on a line of its own.

use std::error::Error;
use std::fmt;

/// Adds advice to an error.
pub(crate) trait Advice {
    /// What this becomes with advice.
    type Advised;

    /// Says what to do next, in words for the user.
    fn advise(self, next: impl Into<String>) -> Self::Advised;
}

impl Advice for anyhow::Error {
    type Advised = anyhow::Error;

    fn advise(self, next: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Advised { error: self, next: next.into() })
    }
}

impl<T, E: Into<anyhow::Error>> Advice for Result<T, E> {
    type Advised = anyhow::Result<T>;

    fn advise(self, next: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().advise(next))
    }
}

/// The advice an error carries, if any.
pub(crate) fn advice(error: &anyhow::Error) -> Option<&str> {
    let advised = error.chain().find_map(|cause| cause.downcast_ref::<Advised>());
    advised.map(|advised| advised.next.as_str())
}

/// Shows as the error it holds.
#[derive(Debug)]
struct Advised {
    error: anyhow::Error,
    next: String,
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn advice_survives_context_and_changes_nothing_else() {
        let error = Err::<(), _>(anyhow!("disk on fire")).advise("fetch water").context("cannot start").unwrap_err();
        assert_eq!(format!("{error:#}"), "cannot start: disk on fire");
        assert_eq!(advice(&error), Some("fetch water"));
        assert_eq!(advice(&anyhow!("fine")), None);
    }
}
