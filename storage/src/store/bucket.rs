//! BucketStore: a store in a bucket of S3 (`s3:`, and whatever speaks its
//! protocol) or of Google Cloud Storage (`gs:`).
//!
//! Buckets hold objects that are written whole and never change in place. Below
//! the store's prefix, which is left out here:
//!
//! | object | what it is |
//! |---|---|
//! | `<key>` | a **whole** file: what `create` or `replace` wrote |
//! | `<key>@/<start><ending>` | a part of a file that **grows**: what one `append` wrote |
//! | `.~probe-<16 hex>` | what a start was killed over; nobody reads it |
//!
//! `<start>` is the part's first byte's place in the file, in decimal, padded
//! with zeros to 20 digits; `<ending>` is the key's own, from its last dot on,
//! or nothing without a dot. So `master/date=2026-01-01/east-7.ndjson` of 100
//! and then 50 bytes is
//! ```text
//! master/date=2026-01-01/east-7.ndjson@/00000000000000000000.ndjson    100 bytes
//! master/date=2026-01-01/east-7.ndjson@/00000000000000000100.ndjson     50 bytes
//! ```
//! No [`Key`] has an `@` in it: a listing tells parts from files, and the folder
//! of a file's parts from a folder of files. Every object that this writes under
//! a name for the first time carries the metadata `hourglass-maker`, 32 random
//! hex digits of that one call.
//!
//! What must hold:
//! - **A name is taken once.** `create` and `append` write with
//!   `If-None-Match: *` (S3) or `x-goog-if-generation-match: 0` (GCS), which the
//!   server judges as it writes. A server that does not is refused before the
//!   first write of a store, which is when it is found out.
//! - **Whose an object is, its maker says, not the answer.** An answer can be
//!   lost, and the attempt after it then finds the name taken, by us: see
//!   [`put`]. Content would not tell: two callers may write the same.
//! - **Parts never overlap and leave no gap.** A part is written at the end of
//!   those before it, and its start is its name: of any number of appends at one
//!   length, whatever their lengths, one makes its part and the others are told
//!   the length that it made. So also a request that arrives after its caller
//!   gave up on it does what an append does, or nothing. Parts are never merged
//!   and never replaced.
//! - **A grown file is the longest run of parts from 0**, each starting where
//!   the one before ends: a prefix at any time, also while it is deleted, which
//!   begins with its last part. Parts beyond a gap do not count. A file that was
//!   deleted must not be appended to again while requests of its former writer
//!   may be on their way; ours are never deleted and made again.
//! - **A whole object hides parts**: `create` refuses where there are parts,
//!   `append` where there is an object.
//! - **Nothing waits for ever.** object_store's own attempts are switched off;
//!   ours end, see [`attempts`].

mod attempts;
mod connect;
mod error;
mod put;
mod read;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path as Location;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::parts::Part;
use super::{Key, Linked, Listed, Store, StoreError};
use crate::publish::Created;
pub use connect::BucketOptions;
pub use error::BucketFailure;

/// A [`Store`] in a bucket.
pub struct BucketStore {
    bucket: Arc<dyn ObjectStore>,
    /// The prefix of every key, without a slash at its end; empty for the whole bucket.
    root: String,
    url: String,
    /// The parts of files that grow, as last seen. They never change, so what is here is there; there may be more.
    grown: Mutex<HashMap<Key, Arc<[Part]>>>,
    /// Set once the server was found to let a name be taken once only.
    probed: OnceCell<()>,
}

impl BucketStore {
    /// The store below the prefix that `url` names: `s3://bucket/prefix` or
    /// `gs://bucket/prefix`. The bucket must be there; nothing is asked of the
    /// server yet.
    ///
    /// # Errors
    /// What the URL or the settings are refused for.
    pub fn new(url: &str, options: &BucketOptions) -> Result<Self, BucketFailure> {
        let (bucket, root) = connect::connect(url, options)?;
        Ok(Self { bucket, root, url: url.to_owned(), grown: Mutex::default(), probed: OnceCell::new() })
    }

    /// As [`new`](Self::new), once it is known that the server lets a name be
    /// taken once only: found by writing and deleting an object; who may not
    /// write is spared that.
    ///
    /// # Errors
    /// What the URL, the settings or the server is refused for.
    pub async fn open(url: &str, options: &BucketOptions) -> Result<Self, BucketFailure> {
        let store = Self::new(url, options)?;
        store.probed().await?;
        Ok(store)
    }

    async fn probed(&self) -> Result<(), BucketFailure> {
        self.probed.get_or_try_init(|| self.probe()).await.copied()
    }

    /// The object of a whole file, or the prefix of a folder's.
    fn location(&self, key: &Key) -> Result<Location, BucketFailure> {
        self.locate(key.as_str())
    }

    fn locate(&self, below: &str) -> Result<Location, BucketFailure> {
        let slash = if self.root.is_empty() || below.is_empty() { "" } else { "/" };
        Ok(Location::parse(format!("{}{slash}{below}", self.root)).map_err(object_store::Error::from)?)
    }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore").field("url", &self.url).finish()
    }
}

#[async_trait]
impl Store for BucketStore {
    async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, StoreError> {
        self.list_below(prefix).await.map_err(|error| error.of("list", prefix))
    }

    async fn list_folders(&self, prefix: &Key) -> Result<Vec<String>, StoreError> {
        self.folders_in(prefix).await.map_err(|error| error.of("list", prefix))
    }

    async fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let shape = self.look(key).await.map_err(|error| error.of("look at", key))?;
        Ok(shape.map(|shape| shape.length()))
    }

    async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.read_all(key).await.map_err(|error| error.of("read", key))
    }

    async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_stretch(key, range).await.map_err(|error| error.of("read", key))
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, StoreError> {
        self.create_whole(key, bytes).await.map_err(|error| error.of("create", key))
    }

    async fn append(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<(), StoreError> {
        let found = self.append_part(key, expected, bytes).await;
        match found.map_err(|error| error.of("append to", key))? {
            found if found == expected => Ok(()),
            found => Err(StoreError::WrongLength { key: key.clone(), expected, found }),
        }
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.replace_whole(key, bytes).await.map_err(|error| error.of("replace", key))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.delete_all(key).await.map_err(|error| error.of("delete", key))
    }

    /// There are none: an object is whole or not there.
    async fn remove_temporaries(&self, _age: Duration) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn link_from(&self, _local: &Path, _key: &Key) -> Result<Linked, StoreError> {
        Ok(Linked::Unsupported)
    }

    fn local_path(&self, _key: &Key) -> Option<PathBuf> {
        None
    }
}
