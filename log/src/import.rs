//! Import: existing files become dated files of a source of their own.
//!
//! Lines go in, from whatever the caller reads; out come dated files in the store and one cut that names them and makes
//! them count. Two steps: [`stage()`] parses and files every message by its own date, locally; [`publish()`] puts the files
//! in the store and publishes the cut.
//!
//! # Format
//! The source is `import-<h>`, h the SHA-256 of the input. Its files are
//! `master/date=YYYY-MM-DD/import-<h>-<attempt>-<part:06>.ndjson`, by the messages' UTC dates. Its cuts
//! ([`Cut`](crate::Cut)) alternate: generation 0 imports, 1 withdraws, 2 imports again, and so on.
//!
//! Meanwhile an attempt lies in `import/<attempt:08x>/` of the data folder: `<part:06>.ndjson`, and, before the first of
//! them is in the store, `plan.json`, the cut that is to be published.
//!
//! What must hold: only the newest cut makes files count, and names carry a random attempt, so whatever a crash leaves
//! counts nothing. Store files of an earlier attempt are deleted only by the data folder that has its plan (and whose
//! import lock the caller holds), and only when no cut names them.

mod dated;
mod publish;
mod stage;
mod worker;

pub use publish::{clean, newest, publish, undo};
pub use stage::{ImportOptions, Rejected, Staged, stage};
