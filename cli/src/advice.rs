//! An error that says what to do next. What happened and where stay in the error's own chain; advice is shown
//! below it, on a line of its own.

use std::error::Error;
use std::fmt;

use storage::StoreError;
use views::ViewError;

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

/// The advice an error carries, or that follows from what it is about.
pub(crate) fn advice(error: &anyhow::Error) -> Option<&str> {
    let advised = error.chain().find_map(|cause| cause.downcast_ref::<Advised>());
    advised.map(|advised| advised.next.as_str()).or_else(|| rebuilds(error).then_some(REBUILD))
}

/// What heals a batch view or manifest.
pub(crate) const REBUILD: &str =
    "batch views are derived: `hourglass rebuild --full` builds them again from the original lines";

/// Whether a batch view or manifest is what is damaged or gone.
fn rebuilds(error: &anyhow::Error) -> bool {
    let derived = |name: &str| ["views/batch/", "views/manifest"].iter().any(|folder| name.contains(folder));
    let of_store = |error: &StoreError| match error {
        StoreError::NotFound { key } => derived(&key.to_string()),
        _ => false,
    };
    error.chain().any(|cause| match cause.downcast_ref::<ViewError>() {
        Some(ViewError::Corrupt { name, .. } | ViewError::Missing { what: name }) => derived(name),
        Some(ViewError::Store(error)) => of_store(error),
        _ => cause.downcast_ref::<StoreError>().is_some_and(of_store),
    })
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

    #[test]
    fn a_damaged_batch_view_is_built_again_and_nothing_else() {
        let corrupt = |name: &str| ViewError::Corrupt { name: name.to_owned(), why: "torn".to_owned() };
        let view = anyhow::Error::new(corrupt("views/batch/service=a/date=2026-11-21/0-1.parquet")).context("query");
        assert_eq!(advice(&view), Some(REBUILD));
        let lost = StoreError::NotFound { key: "views/manifest/0000000001.json".parse().unwrap() };
        assert_eq!(advice(&anyhow::Error::new(ViewError::Store(lost))), Some(REBUILD));
        assert_eq!(advice(&anyhow::Error::new(corrupt("views/realtime/east/1/2.parquet"))), None);
        let truth = ViewError::DatedFile { name: "master/x".to_owned(), why: "short".to_owned() };
        assert_eq!(advice(&anyhow::Error::new(truth)), None);
    }
}
