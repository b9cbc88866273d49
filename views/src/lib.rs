//! Batch and realtime views, manifest, merge, query and verification.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod build;
mod changes;
mod cuts;
mod error;
#[cfg(test)]
mod fixture;
mod fold;
mod input;
mod manifest;
mod map;
mod period;
mod progress;
mod reduce;
mod retire;
mod row_bytes;
mod selection;
mod spill;
mod view_file;

pub use build::{BuildOptions, Built, rebuild};
pub use error::{Result, ViewError};
pub use fold::{Row, Table};
pub use manifest::{CoveredImport, CoveredMonitor, Manifest, Partition, ServiceViews};
pub use period::Period;
pub use progress::Progress;
pub use retire::{Retired, Retirer};
pub use selection::Selection;
pub use view_file::ViewFile;
