//! The promise: a file that goes away under a reader makes it start over from
//! the newest manifest; one that is gone for good is an error that names what
//! is missing, and never a smaller answer.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use schema::Metrics;
use storage::{Created, Disk, Key, Linked, Listed, Store, StoreError, layout};
use views::{Query, Reader, query};

use crate::town::{Sent, TODAY, Town, micros};

/// A store in which batch views are not found the first few times.
#[derive(Debug)]
struct Flickering {
    store: Arc<dyn Store>,
    misses: AtomicUsize,
}

impl Flickering {
    fn reader(town: &Town, misses: usize) -> Reader {
        let store = Flickering { store: town.store.clone(), misses: AtomicUsize::new(misses) };
        Reader::new(Arc::new(store), Metrics::default())
    }

    fn misses(&self, key: &Key) -> Result<(), StoreError> {
        let left = |left: usize| left.checked_sub(1);
        let batch = key.is_below(&layout::batch());
        if batch && self.misses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok() {
            return Err(StoreError::NotFound { key: key.clone() });
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Flickering {
    async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, StoreError> {
        self.store.list(prefix).await
    }

    async fn list_folders(&self, prefix: &Key) -> Result<Vec<String>, StoreError> {
        self.store.list_folders(prefix).await
    }

    async fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.store.length(key).await
    }

    async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.misses(key)?;
        self.store.read(key).await
    }

    async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.misses(key)?;
        self.store.read_range(key, range).await
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, StoreError> {
        self.store.create(key, bytes).await
    }

    async fn append(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<(), StoreError> {
        self.store.append(key, expected, bytes).await
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.store.replace(key, bytes).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    async fn remove_temporaries(&self, age: Duration) -> Result<usize, StoreError> {
        self.store.remove_temporaries(age).await
    }

    async fn link_from(&self, local: &Path, key: &Key) -> Result<Linked, StoreError> {
        self.store.link_from(local, key).await
    }

    fn local_path(&self, _: &Key) -> Option<PathBuf> {
        None
    }
}

/// Two generations in the batch view, retired here, and one message since.
async fn rebuilt() -> Town {
    let mut town = Town::new().await;
    for second in [1, 70] {
        town.commit(0, &[Sent::plain("checkout", micros(TODAY + second * 1_000_000), second)], true);
        town.refresh(0).await;
        town.rotate(0);
        town.refresh(0).await;
        town.upload(0, u64::MAX).await;
        town.rebuild().await;
    }
    town.commit(0, &[Sent::plain("checkout", micros(TODAY), 5)], true);
    town.retire(0).await;
    town
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

#[test]
fn a_file_that_goes_away_makes_the_query_start_over() {
    runtime().block_on(async {
        let town = rebuilt().await;
        let sound = query(&town.reader(None), &Query::everything()).await.unwrap();
        assert_eq!(sound.coverage.messages(), 2);
        let answer = query(&Flickering::reader(&town, 5), &Query::everything()).await.unwrap();
        assert_eq!(answer, sound);
    });
}

#[test]
fn a_file_that_is_gone_for_good_is_named() {
    runtime().block_on(async {
        let town = rebuilt().await;
        let error = query(&Flickering::reader(&town, usize::MAX), &Query::everything()).await.unwrap_err();
        assert!(error.to_string().contains("views/batch/service=checkout"), "{error}");
    });
}

#[test]
fn without_manifest_and_log_the_cuts_lead_to_every_message() {
    runtime().block_on(async {
        let town = rebuilt().await;
        let sound = query(&town.reader(Some(0)), &Query::everything()).await.unwrap();
        for manifest in town.store.list(&layout::manifests()).await.unwrap() {
            town.store.delete(&manifest.key).await.unwrap();
        }
        let answer = query(&town.reader(Some(0)), &Query::everything()).await.unwrap();
        assert_eq!(answer.rows, sound.rows);
        assert_eq!(answer.coverage.messages(), 3);
    });
}

#[test]
fn a_gap_between_batch_and_log_is_named_and_not_skipped() {
    runtime().block_on(async {
        let town = rebuilt().await;
        for key in [layout::manifests(), layout::cuts()] {
            for file in town.store.list(&key).await.unwrap() {
                town.store.delete(&file.key).await.unwrap();
            }
        }
        let error = query(&town.reader(Some(0)), &Query::everything()).await.unwrap_err();
        assert!(error.to_string().contains("east"), "{error}");
        assert!(town.disk.length(&town.monitors[0].folder.identity()).unwrap().is_some());
    });
}
