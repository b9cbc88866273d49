//! Batch and realtime views, manifest, merge, query and verification.
//!
//! | to know | read |
//! |---|---|
//! | how messages become rows | [`Table`], [`Selection`] |
//! | what a view file is | [`view_file`], [`ViewFile`] |
//! | how the batch view is built, published and retired | [`rebuild()`], [`Manifest`], [`Retirer`] |
//! | how a monitor's realtime views keep up | [`Refresher`] |
//! | how a question is answered, and what the answer covers | [`query()`], [`Query`], [`Prepared`], [`Answer`], [`Coverage`] |
//! | how an answer is written, and a time read | [`write_answer`], [`Format`], [`Moment`] |
//! | how that is checked by counting again | [`verify()`], [`Verdict`], [`Difference`] |
//! | the original lines; the services | [`cat()`], [`services()`] |
//!
//! The bytes: view files in `view_file.rs`, realtime views in `realtime_view.rs`, manifests in `manifest.rs`
//! and `manifest/page.rs`.
//!
//! What must hold: an answer equals a plain pass over exactly the messages its coverage names. Everything here is
//! derived from the log and the dated files, and can be deleted.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod build;
mod cache;
mod cached;
mod chain;
mod changes;
mod coverage;
mod cuts;
mod doubles;
mod error;
mod extents;
#[cfg(test)]
mod fixture;
mod fold;
mod followed;
mod held_rows;
mod input;
mod lines;
mod manifest;
mod map;
mod moment;
mod own;
mod parallel;
mod period;
mod plan;
mod present;
mod progress;
mod query;
mod reader;
mod realtime;
mod realtime_view;
mod recount;
mod reduce;
mod retire;
mod row_bytes;
mod selection;
mod services;
mod shared;
mod spill;
mod tail;
mod verify;
pub mod view_file;

pub use answer::{Format, covered, quoted, write_answer};
pub use build::{BuildOptions, Built, rebuild};
pub use coverage::{Coverage, ImportCoverage, MonitorCoverage, PendingImport};
pub use error::{Result, ViewError};
pub use fold::{Row, Table};
pub use lines::{Line, cat};
pub use manifest::{CoveredImport, CoveredMonitor, Manifest, Page, Partition};
pub use moment::{Moment, NeverShown};
pub use period::Period;
pub use progress::Progress;
pub use query::{Answer, AnswerRow, Every, Prepared, Query, View, query};
pub use reader::Reader;
pub use realtime::{Refreshed, Refresher};
pub use retire::{Retired, Retirer};
pub use selection::Selection;
pub use services::{ServiceSeen, services};
pub use verify::{Counting, Difference, Verdict, Verify, verify};
pub use view_file::ViewFile;
