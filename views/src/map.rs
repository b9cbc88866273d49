//! Dated files to table.

use std::path::PathBuf;
use std::ops::Range;
use schema::Parser;
use storage::Key;

use crate::error::Result;
use crate::fold::Table;

/// Folds the whole lines of `bytes` into `table`; an unterminated rest is left.
/// Returns the bytes consumed and the messages folded (wanted or not).
///
/// # Errors
/// `DatedFile` with `name` if a line is no acceptable message: only accepted
/// ones are ever logged.
pub fn fold_lines(name: &dyn std::fmt::Display, bytes: &[u8], parser: &mut Parser, table: &mut Table) -> Result<Folded> {
    let _ = (name, bytes, parser, table);
    todo!()
}

/// What `fold_lines` took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Bytes up to the last whole line.
    pub bytes: usize,
    /// Messages in them.
    pub messages: u64,
}

/// A stretch of lines to read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where.
    pub place: Place,
    /// Which bytes; both ends are line boundaries.
    pub range: Range<u64>,
    /// CRC-32C of those bytes and messages in them, where a cut says so.
    pub expected: Option<(u32, u64)>,
}

/// Where lines lie.
#[derive(Clone, Debug)]
pub enum Place {
    /// A local file.
    Local(PathBuf),
    /// In the store.
    Stored(Key),
}
