//! One Parquet view file.

use std::sync::Arc;
use std::path::Path;
use schema::{Metrics, Minute};
use storage::{Key, Store};
use bytes::Bytes;

use crate::error::Result;
use crate::fold::{Row, Table};
use crate::selection::Selection;

/// A view written: its bytes and what the manifest says about them.
#[derive(Debug)]
pub struct Written {
    /// The whole file.
    pub bytes: Bytes,
    /// Rows.
    pub rows: u64,
    /// Messages they stand for.
    pub messages: u64,
    /// CRC-32C of the canonical rows.
    pub crc32c: u32,
    /// First minute; 0 without rows.
    pub first: Minute,
    /// Last minute; 0 without rows.
    pub last: Minute,
}

/// Writes `table` as one view file. `notes` become key-value metadata
/// (realtime: from, to, mark), read back by `ViewFile::note`.
///
/// # Errors
/// Parquet's, which only a bug can cause.
pub fn write(metrics: &Metrics, table: &Table, notes: &[(&str, String)]) -> Result<Written> {
    let _ = (metrics, table, notes);
    todo!()
}

/// An open view file: its footer is read, its rows are not.
#[derive(Debug)]
pub struct ViewFile {}

impl ViewFile {
    /// Opens a view in the store: by `pread` where the store is a local folder, else read whole.
    ///
    /// # Errors
    /// The store's (`NotFound`), and `Corrupt` if it is no view of these metrics.
    pub async fn open(store: &dyn Store, key: &Key, metrics: &Metrics) -> Result<ViewFile> {
        let _ = (store, key, metrics);
        todo!()
    }

    /// Opens a local view file.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_local(path: &Path, metrics: &Metrics) -> Result<ViewFile> {
        let _ = (path, metrics);
        todo!()
    }

    /// Opens a view held in memory; `name` is for errors.
    ///
    /// # Errors
    /// `Corrupt` if it is no view of these metrics.
    pub fn of_bytes(name: &str, bytes: Bytes, metrics: &Metrics) -> Result<ViewFile> {
        let _ = (name, bytes, metrics);
        todo!()
    }

    /// A note given to `write`.
    #[must_use]
    pub fn note(&self, key: &str) -> Option<&str> {
        let _ = key;
        todo!()
    }

    /// Rows in the file.
    #[must_use]
    pub fn rows(&self) -> u64 {
        todo!()
    }

    /// CRC-32C of all canonical rows, as the footer has it.
    #[must_use]
    pub fn crc32c(&self) -> u32 {
        todo!()
    }

    /// Gives the rows of `selection` to `sink`, in file order; row groups that
    /// hold none of its minutes are not read, the others are checked whole.
    ///
    /// # Errors
    /// `Corrupt` if a row group is not what was written; rows before it were given.
    pub fn read(&self, selection: &Selection, sink: &mut dyn FnMut(Row<'_>)) -> Result<()> {
        let _ = (selection, sink);
        todo!()
    }
}

/// Unused outside tests.
pub type Shared = Arc<ViewFile>;
