//! FileStore on a disk that loses power, at every operation: what was reported
//! as done is there, what was interrupted is there whole or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::FileStore;
use super::tests::{key, now};
use crate::{Created, Key, SimDisk, Store, StoreError, is_crash};

const FILES: [&str; 4] = ["a", "f/a", "grows", "f/grows"];

/// One call; the file is an index into `FILES`.
#[derive(Debug, Clone)]
enum Call {
    Create(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Append(usize, Vec<u8>),
    Delete(usize),
}

type Files = BTreeMap<Key, Vec<u8>>;

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let bytes =
        || prop_oneof![prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(any::<u8>(), 900..1500)];
    let call = prop_oneof![
        (0..2_usize, bytes()).prop_map(|(file, bytes)| Call::Create(file, bytes)),
        (0..2_usize, bytes()).prop_map(|(file, bytes)| Call::Replace(file, bytes)),
        (2..4_usize, bytes()).prop_map(|(file, bytes)| Call::Append(file, bytes)),
        (2..4_usize, bytes()).prop_map(|(file, bytes)| Call::Append(file, bytes)),
        (0..4_usize).prop_map(Call::Delete),
    ];
    prop::collection::vec(call, 1..12)
}

impl Call {
    fn file(&self) -> Key {
        let (Self::Create(file, _) | Self::Replace(file, _) | Self::Append(file, _) | Self::Delete(file)) = self;
        key(FILES[*file])
    }

    /// What it does to the files when it is done.
    fn apply(&self, files: &mut Files) {
        match self {
            Self::Create(_, bytes) => drop(files.entry(self.file()).or_insert_with(|| bytes.clone())),
            Self::Replace(_, bytes) => drop(files.insert(self.file(), bytes.clone())),
            Self::Append(_, bytes) => files.entry(self.file()).or_default().extend(bytes),
            Self::Delete(_) => drop(files.remove(&self.file())),
        }
    }

    fn make(&self, store: &FileStore, files: &Files) -> Result<(), StoreError> {
        let file = self.file();
        match self {
            Self::Create(_, bytes) => {
                let expected = if files.contains_key(&file) { Created::Exists } else { Created::Created };
                let created = now(store.create(&file, Bytes::from(bytes.clone())))?;
                assert_eq!(created, expected);
                Ok(())
            }
            Self::Replace(_, bytes) => now(store.replace(&file, Bytes::from(bytes.clone()))),
            Self::Append(_, bytes) => {
                let length = now(store.length(&file))?.unwrap_or(0);
                assert_eq!(length, files.get(&file).map_or(0, Vec::len) as u64);
                now(store.append(&file, length, Bytes::from(bytes.clone())))
            }
            Self::Delete(_) => now(store.delete(&file)),
        }
    }
}

/// Makes the calls until one fails, which is returned; `files` are those that
/// the calls before it left.
fn run<'a>(store: &FileStore, calls: &'a [Call], files: &mut Files) -> Option<(&'a Call, StoreError)> {
    for call in calls {
        if let Err(error) = call.make(store, files) {
            return Some((call, error));
        }
        call.apply(files);
    }
    None
}

/// All files of the store, by every way of looking at them.
fn found(store: &FileStore) -> Files {
    let listed = now(store.list(&Key::root())).unwrap();
    let read = |file: crate::Listed| {
        let bytes = now(store.read(&file.key)).unwrap().to_vec();
        assert_eq!(file.len, bytes.len() as u64);
        assert_eq!(now(store.length(&file.key)).unwrap(), Some(file.len));
        (file.key, bytes)
    };
    listed.into_iter().map(read).collect()
}

/// The interrupted call was done or not; no other file differs. An append that
/// made its file may have got as far as an empty one.
fn check(found: &Files, before: &Files, interrupted: &Call) {
    let mut after = before.clone();
    interrupted.apply(&mut after);
    let mut begun = before.clone();
    if matches!(interrupted, Call::Append(..)) {
        begun.entry(interrupted.file()).or_default();
    }
    assert!(found == before || *found == after || *found == begun, "{interrupted:?}: {found:?} from {before:?}");
}

/// Makes durable what a killed process left in the cache: by appending nothing
/// to what grows, and by creating, in vain, what does not.
fn settle(store: &FileStore, files: &Files) {
    for (file, bytes) in files {
        if file.as_str().ends_with("grows") {
            now(store.append(file, bytes.len() as u64, Bytes::new())).unwrap();
        } else {
            assert_eq!(now(store.create(file, Bytes::new())).unwrap(), Created::Exists);
        }
    }
    for file in FILES.map(key).iter().filter(|file| !files.contains_key(file)) {
        now(store.delete(file)).unwrap();
    }
}

fn store_on(disk: &SimDisk) -> FileStore {
    FileStore::new(Arc::new(disk.clone()), "/deep/store".into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_call_survives_power_loss_or_has_not_been(
        calls in calls(),
        seed: u64,
        crashes in prop::collection::vec((1..60_u64, any::<bool>()), 1..6),
    ) {
        let mut disk = SimDisk::new(seed);
        let mut files = Files::new();
        for (at, kills) in crashes {
            disk.crash_at_operation(at);
            let failed = run(&store_on(&disk), &calls, &mut files);
            for _ in 0..4 {
                let after = found(&store_on(&disk.restart()));
                match &failed {
                    None => prop_assert_eq!(&after, &files),
                    Some((interrupted, error)) => {
                        prop_assert!(is_crash(error));
                        check(&after, &files, interrupted);
                    }
                }
            }
            // It goes on from one of those states, or from what a killed process left.
            disk = if kills { disk.kill() } else { disk.restart() };
            files = found(&store_on(&disk));
            if kills {
                settle(&store_on(&disk), &files);
            }
        }
        prop_assert!(run(&store_on(&disk), &calls, &mut files).is_none());
        prop_assert_eq!(&found(&store_on(&disk.restart())), &files);
    }

    #[test]
    fn an_append_whose_sync_failed_leaves_no_trace(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..1500), 2..8),
        seed: u64,
        nth in 1..40_u64,
    ) {
        let disk = SimDisk::new(seed);
        let store = store_on(&disk);
        let mut expected = Vec::new();
        disk.eio_at_sync(nth);
        for piece in &pieces {
            let length = now(store.length(&key("f/grows"))).unwrap().unwrap_or(0);
            if now(store.append(&key("f/grows"), length, Bytes::from(piece.clone()))).is_err() {
                // The uploader asks for the length and goes on from there.
                let length = now(store.length(&key("f/grows"))).unwrap().unwrap_or(0) as usize;
                let rest = [&expected[..], piece].concat().split_off(length);
                now(store.append(&key("f/grows"), length as u64, rest.into())).unwrap();
            }
            expected.extend_from_slice(piece);
        }
        for _ in 0..4 {
            prop_assert_eq!(&now(store_on(&disk.restart()).read(&key("f/grows"))).unwrap(), &expected);
        }
    }
}

#[test]
fn a_create_is_absent_or_whole_wherever_the_power_goes() {
    let content = Bytes::from((0..3000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    let (mut absent, mut whole) = (0, 0);
    for seed in 0..60 {
        for at in 1.. {
            let disk = SimDisk::new(seed);
            disk.crash_at_operation(at);
            let done = now(store_on(&disk).create(&key("cuts/a/1.json"), content.clone())).is_ok();
            match now(store_on(&disk.restart()).read(&key("cuts/a/1.json"))) {
                Ok(found) => {
                    assert!(found == content);
                    whole += 1;
                }
                Err(StoreError::NotFound { .. }) => {
                    assert!(!done);
                    absent += 1;
                }
                Err(error) => panic!("{error}"),
            }
            if done {
                break;
            }
        }
    }
    assert!(absent > 100 && whole > 60, "both happen: {absent}, {whole}");
}
