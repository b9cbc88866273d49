//! Batch and realtime views, manifest, merge, query and verification.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod error;
pub mod fold;
pub mod manifest;
pub mod map;
pub mod period;
pub mod selection;
pub mod view_file;

pub use error::{Result, ViewError};
pub use fold::{Row, Table};
pub use manifest::{CoveredImport, CoveredMonitor, Manifest, Partition, ServiceViews};
pub use period::Period;
pub use selection::Selection;
pub use view_file::ViewFile;
