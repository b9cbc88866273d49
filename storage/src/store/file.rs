//! FileStore: a store in a folder.
use super::*;
use crate::disk::Disk;
use std::sync::Arc;

/// A [`Store`] in a folder of a [`Disk`]: `file:`. Calls block for as long as the
/// local disk takes.
#[derive(Debug)]
pub struct FileStore {
    root: PathBuf,
    disk: Arc<dyn Disk>,
}

impl FileStore {
    /// The store in the folder `root`, which is made with the first file.
    pub fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self { root, disk }
    }
}

#[async_trait]
impl Store for FileStore {
    async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, StoreError> {
        todo!("{prefix}{:?}", self.disk)
    }
    async fn list_folders(&self, _prefix: &Key) -> Result<Vec<String>, StoreError> {
        todo!()
    }
    async fn length(&self, _key: &Key) -> Result<Option<u64>, StoreError> {
        todo!()
    }
    async fn read(&self, _key: &Key) -> Result<Bytes, StoreError> {
        todo!()
    }
    async fn read_range(&self, _key: &Key, _range: Range<u64>) -> Result<Bytes, StoreError> {
        todo!()
    }
    async fn create(&self, _key: &Key, _bytes: Bytes) -> Result<Created, StoreError> {
        todo!()
    }
    async fn append(&self, _key: &Key, _expected: u64, _bytes: Bytes) -> Result<(), StoreError> {
        todo!()
    }
    async fn replace(&self, _key: &Key, _bytes: Bytes) -> Result<(), StoreError> {
        todo!()
    }
    async fn delete(&self, _key: &Key) -> Result<(), StoreError> {
        todo!()
    }
    async fn link_from(&self, _local: &Path, _key: &Key) -> Result<Linked, StoreError> {
        todo!()
    }
    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        Some(key.below(&self.root))
    }
}
