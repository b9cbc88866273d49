//! Store: what machines share. Whole immutable files and files that grow at
//! their end, named by [`Key`]s.
//!
//! Owns the contract; [`FileStore`] implements it over a
//! [`Disk`](crate::Disk), HDFS, S3 and GCS elsewhere, and each passes the one
//! conformance suite (`storage::conformance`, feature `conformance`).
//!
//! What must hold, whatever is underneath:
//! - what a call reported as done is durable, and every later call, from any
//!   machine, sees it; but where a store cannot serve readers the end of a file
//!   that is being written, other machines read that only once the writer has
//!   closed the file, and are told so until then, never a shorter file;
//! - `create` and `replace` are atomic: a reader, also after a crash, finds the
//!   file absent (or old) or whole;
//! - `append` is not: after a crash or an error in the middle the file may be
//!   longer than was acknowledged, by any prefix of the appended bytes, and
//!   never holds anything else there. The uploader's data are a byte prefix of
//!   the committed local file, so for it that is progress;
//! - temporary files, and names that are no [`Key`], are never listed.

#[cfg(feature = "bucket")]
mod bucket;
mod error;
mod file;
#[cfg(feature = "hdfs")]
mod hdfs;
mod key;
#[cfg(any(feature = "bucket", feature = "hdfs"))]
mod parts;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::publish::Created;
#[cfg(feature = "bucket")]
pub use bucket::{BucketFailure, BucketOptions, BucketStore};
pub use error::StoreError;
pub use file::FileStore;
#[cfg(feature = "hdfs")]
pub use hdfs::{Durability, HdfsFailure, HdfsOptions, HdfsStore, Kept};
pub use key::{Key, KeyError};

/// A shared store of files.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// All files below the folder `prefix`, at any depth, sorted by key;
    /// [`Key::root`] lists everything. A folder that is not there is empty.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, StoreError>;

    /// The names of the folders directly in the folder `prefix`, sorted. A
    /// folder that is not there is empty. Whether a folder is still named after
    /// its last file was deleted is left open.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    async fn list_folders(&self, prefix: &Key) -> Result<Vec<String>, StoreError>;

    /// The file's length in bytes, or `None` without the file.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    async fn length(&self, key: &Key) -> Result<Option<u64>, StoreError>;

    /// How many of those bytes can be read now: all, except at the end of a file
    /// that another process is appending to, where the store cannot serve that.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    async fn served(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.length(key).await
    }

    /// The whole file.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Io`].
    async fn read(&self, key: &Key) -> Result<Bytes, StoreError>;

    /// The bytes `range` of the file; fewer when it ends before `range.end`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Io`].
    async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// The same bytes piece by piece, for reading a lot from front to back:
    /// what comes next is fetched while the caller works, where that pays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Io`], now or with a later piece.
    async fn read_pieces<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Result<Box<dyn Pieces + 'a>, StoreError> {
        Ok(Box::new(Ranges { store: self, key, range }))
    }

    /// Creates the file with these bytes unless it is there. Of any number of
    /// callers exactly one is told [`Created::Created`].
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when the file may or may not have been created:
    /// read it back and compare. [`StoreError::Full`], [`StoreError::Io`].
    async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, StoreError>;

    /// Appends to the file, which must be `expected` bytes long; with
    /// `expected` 0 an absent file is created. A file has one writer, and one
    /// that grows is made by append alone. When this returns, all of the file
    /// is durable, whoever wrote it; so appending nothing settles what an
    /// interrupted append left.
    ///
    /// # Errors
    /// [`StoreError::WrongLength`], with nothing written. After
    /// [`StoreError::Unknown`], [`StoreError::Full`] or [`StoreError::Io`] the
    /// file may have grown by any prefix of `bytes`: ask for its length.
    async fn append(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<(), StoreError>;

    /// Gives back what this process holds open to append to the file, and lets
    /// everybody read all of it. For a writer that pauses or is done; it may
    /// append again.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the bytes are as durable as before.
    async fn close(&self, _key: &Key) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes these bytes the file, whatever was there.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], [`StoreError::Full`], [`StoreError::Io`]; the
    /// file is then the old one or the new one.
    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError>;

    /// Deletes the file. One that is not there is fine.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// Removes what crashes have left of files that never got their names, if
    /// it has not changed for `age`. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the rest is there the next time.
    async fn remove_temporaries(&self, age: Duration) -> Result<usize, StoreError>;

    /// Makes a closed local file the store's file too, without copying (a hard
    /// link). The caller has synced it and writes it no more. Durable when it
    /// says [`Linked::Linked`].
    ///
    /// # Errors
    /// [`StoreError::Io`], also when `local` is not there.
    async fn link_from(&self, local: &Path, key: &Key) -> Result<Linked, StoreError>;

    /// Where the file lies on this machine, for reading it directly; `None`
    /// when the store is not local. Says nothing of whether it is there.
    fn local_path(&self, key: &Key) -> Option<PathBuf>;
}

/// A stretch of a file that comes piece by piece, in order.
#[async_trait]
pub trait Pieces: Send {
    /// The next piece, never empty; `None` behind the last, which is where the
    /// range ends, or the file.
    ///
    /// # Errors
    /// As for [`Store::read_range`]; no piece comes after an error.
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError>;
}

/// Bytes that [`Ranges`] asks for at once.
const PIECE: u64 = 4 << 20;

/// Pieces of a store for which a piece is a range like any other.
struct Ranges<'a, S: ?Sized> {
    store: &'a S,
    key: &'a Key,
    /// What is still to come.
    range: Range<u64>,
}

#[async_trait]
impl<S: Store + ?Sized> Pieces for Ranges<'_, S> {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let end = self.range.end.min(self.range.start.saturating_add(PIECE));
        let bytes = self.store.read_range(self.key, self.range.start..end).await?;
        self.range.start = if bytes.is_empty() { self.range.end } else { self.range.start + bytes.len() as u64 };
        Ok((!bytes.is_empty()).then_some(bytes))
    }
}

/// A file of the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// Its length in bytes.
    pub len: u64,
}

/// What became of [`Store::link_from`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// The store has the file now.
    Linked,
    /// The store had a file of that key, which is unchanged.
    Exists,
    /// This store cannot link that file: append it instead.
    Unsupported,
}
