//! A file of a store that is not local comes in pieces of any length, and is folded like any other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use storage::{Created, Key, Linked, Listed, Pieces, StoreError};

use super::*;

/// Every key's file is these bytes, handed over so many at a time.
#[derive(Debug)]
struct Afar {
    file: Bytes,
    at_a_time: usize,
}

struct Handed {
    rest: Bytes,
    at_a_time: usize,
}

#[async_trait]
impl Pieces for Handed {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let piece = self.rest.split_to(self.at_a_time.min(self.rest.len()));
        Ok((!piece.is_empty()).then_some(piece))
    }
}

#[async_trait]
impl Store for Afar {
    async fn list(&self, _: &Key) -> Result<Vec<Listed>, StoreError> {
        Ok(Vec::new())
    }

    async fn list_folders(&self, _: &Key) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn length(&self, _: &Key) -> Result<Option<u64>, StoreError> {
        Ok(Some(self.file.len() as u64))
    }

    async fn read(&self, _: &Key) -> Result<Bytes, StoreError> {
        Ok(self.file.clone())
    }

    async fn read_range(&self, _: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        let length = self.file.len();
        Ok(self.file.slice((range.start as usize).min(length)..(range.end as usize).min(length)))
    }

    async fn read_pieces<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Result<Box<dyn Pieces + 'a>, StoreError> {
        Ok(Box::new(Handed { rest: self.read_range(key, range).await?, at_a_time: self.at_a_time }))
    }

    async fn create(&self, _: &Key, _: Bytes) -> Result<Created, StoreError> {
        Ok(Created::Exists)
    }

    async fn append(&self, _: &Key, _: u64, _: Bytes) -> Result<(), StoreError> {
        Ok(())
    }

    async fn replace(&self, _: &Key, _: Bytes) -> Result<(), StoreError> {
        Ok(())
    }

    async fn delete(&self, _: &Key) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove_temporaries(&self, _: Duration) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn link_from(&self, _: &Path, _: &Key) -> Result<Linked, StoreError> {
        Ok(Linked::Unsupported)
    }

    fn local_path(&self, _: &Key) -> Option<PathBuf> {
        None
    }
}

/// The messages as a dated file of such a store.
fn afar(messages: &[Sent], at_a_time: usize) -> (Afar, Input) {
    let file = Bytes::from(lines(messages));
    let expected = Expected { crc32c: crc32c::crc32c(&file), messages: messages.len() as u64, ends: true };
    let place = Place::Stored(Key::new("master/file").unwrap());
    let input = Input { place, range: 0..file.len() as u64, expected: Some(expected) };
    (Afar { file, at_a_time }, input)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_a_store_hands_over_a_file_every_line_is_folded_once(
        messages in messages(200),
        at_a_time in 1..9000_usize,
        piece in 100..20_000_u64,
        threads in 1..4_usize,
    ) {
        let (store, input) = afar(&messages, at_a_time);
        let (tables, _) = fold_from(&store, &[input], piece, threads, 1 << 20).unwrap();
        let mut all = Table::new(&Metrics::default());
        tables.iter().for_each(|table| all.merge(table));
        prop_assert_eq!(rows(&all), count(&messages));
    }

    #[test]
    fn a_file_that_is_shorter_than_its_cut_says_is_refused(messages in messages(20), at_a_time in 1..9000_usize) {
        prop_assume!(!messages.is_empty());
        let (mut store, input) = afar(&messages, at_a_time);
        store.file.truncate(store.file.len() - 1);
        let refused = fold_from(&store, &[input], 1 << 20, 1, 1 << 20);
        let by_name = matches!(refused, Err(ViewError::DatedFile { .. }));
        prop_assert!(by_name);
    }
}
