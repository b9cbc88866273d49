//! What the scheduler refuses or fails at.

use log::LogError;
use storage::StoreError;

/// A failure, with what it concerns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchedulerError {
    /// A schedule that cannot be read.
    #[error("schedule is {pattern:?}: {reason}")]
    Pattern {
        /// The five (or, with seconds, six) fields.
        pattern: String,
        /// What is wrong with them.
        reason: String,
    },
    /// A time zone that does not exist.
    #[error("schedule.timezone is {zone:?}; allowed: a name of the tz database, such as Europe/Berlin or UTC")]
    Zone {
        /// The name.
        zone: String,
    },
    /// The cuts could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cut is not intact.
    #[error(transparent)]
    Cut(#[from] LogError),
    /// The rebuild failed; the views before stand.
    #[error(transparent)]
    Views(#[from] views::ViewError),
}
