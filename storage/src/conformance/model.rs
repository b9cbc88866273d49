//! Random calls against a plain map: whatever the order, both say the same.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::key;
use crate::{Created, Key, Listed, Store, StoreError};

const CALLS: usize = 120;

/// What the store should hold, below one folder.
#[derive(Default)]
struct Model {
    files: BTreeMap<Key, Vec<u8>>,
}

/// Makes seeded calls on a few files and compares every answer with the map's.
pub(super) async fn random_calls_agree_with_a_map(store: &dyn Store, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = key(&format!("model/{seed}"));
    let mut model = Model::default();
    for _ in 0..CALLS {
        let name = ["a", "b", "f/a", "f/b", "f/g/c"][rng.random_range(0..5)];
        let file = key(&format!("{folder}/{name}"));
        let bytes: Bytes = (0..rng.random_range(0..40)).map(|_| rng.random::<u8>()).collect();
        // Files that grow are made by append alone.
        let grows = name.ends_with('b');
        match rng.random_range(0..6) {
            0 | 1 if grows => model.append(store, &file, &mut rng, bytes).await,
            0 => model.create(store, &file, bytes).await,
            1 => model.replace(store, &file, bytes).await,
            2 => model.delete(store, &file).await,
            3 => model.read(store, &file, &mut rng).await,
            _ => model.list(store, &folder).await,
        }
    }
}

impl Model {
    async fn create(&mut self, store: &dyn Store, file: &Key, bytes: Bytes) {
        let expected = if self.files.contains_key(file) { Created::Exists } else { Created::Created };
        assert_eq!(store.create(file, bytes.clone()).await.expect("create"), expected, "{file}");
        self.files.entry(file.clone()).or_insert_with(|| bytes.to_vec());
    }

    async fn append(&mut self, store: &dyn Store, file: &Key, rng: &mut StdRng, bytes: Bytes) {
        let length = self.files.get(file).map_or(0, Vec::len) as u64;
        if rng.random_bool(0.2) {
            let refused = store.append(file, length + 1, bytes).await;
            assert!(matches!(refused, Err(StoreError::WrongLength { found, .. }) if found == length), "{refused:?}");
            return;
        }
        store.append(file, length, bytes.clone()).await.expect("append");
        // Appending nothing to nothing may or may not make an empty file.
        if !bytes.is_empty() || length > 0 {
            self.files.entry(file.clone()).or_default().extend_from_slice(&bytes);
        } else {
            store.delete(file).await.expect("delete");
            self.files.remove(file);
        }
    }

    async fn replace(&mut self, store: &dyn Store, file: &Key, bytes: Bytes) {
        store.replace(file, bytes.clone()).await.expect("replace");
        self.files.insert(file.clone(), bytes.to_vec());
    }

    async fn delete(&mut self, store: &dyn Store, file: &Key) {
        store.delete(file).await.expect("delete");
        self.files.remove(file);
    }

    async fn read(&self, store: &dyn Store, file: &Key, rng: &mut StdRng) {
        let start = rng.random_range(0..60);
        let range = start..start + rng.random_range(0..60);
        let Some(content) = self.files.get(file) else {
            assert!(matches!(store.read(file).await, Err(StoreError::NotFound { .. })), "{file}");
            return;
        };
        assert_eq!(store.read(file).await.expect("read"), content, "{file}");
        let (from, to) = (content.len().min(range.start), content.len().min(range.end));
        let found = store.read_range(file, range.start as u64..range.end as u64).await.expect("read range");
        assert_eq!(found, content[from..to], "{file} {range:?}");
    }

    async fn list(&self, store: &dyn Store, folder: &Key) {
        let below = self.files.iter().filter(|(file, _)| file.is_below(folder));
        let expected: Vec<Listed> =
            below.map(|(file, content)| Listed { key: file.clone(), len: content.len() as u64 }).collect();
        assert_eq!(store.list(folder).await.expect("list"), expected);
    }
}
