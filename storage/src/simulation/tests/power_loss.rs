//! What a power loss keeps and what it takes.

use std::sync::Arc;

use proptest::prelude::*;

use super::{count, read, sync, write};
use crate::{Disk, DiskFile, Mode, SimDisk, publish_new, publish_replacing};

/// A change of one file.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate(u64),
    Allocate(u64),
    Sync,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..1200);
    let change = prop_oneof![
        4 => (0..2000_u64, bytes).prop_map(|(offset, bytes)| Change::Write { offset, bytes }),
        1 => (0..2000_u64).prop_map(Change::Truncate),
        1 => (0..3000_u64).prop_map(Change::Allocate),
        2 => Just(Change::Sync),
    ];
    prop::collection::vec(change, 0..12)
}

impl Change {
    fn make(&self, file: &Arc<dyn DiskFile>) {
        match self {
            Self::Write { offset, bytes } => file.write_at(bytes, *offset),
            Self::Truncate(length) => file.truncate(*length),
            Self::Allocate(length) => file.allocate(*length),
            Self::Sync => file.sync(),
        }
        .unwrap();
    }

    /// Whether it leaves the byte at `index` alone, whatever part of it is done.
    fn spares(&self, index: usize) -> bool {
        match self {
            Self::Write { offset, bytes } => {
                let start = *offset as usize;
                !(start..start + bytes.len()).contains(&index)
            }
            Self::Truncate(length) => index < *length as usize,
            Self::Allocate(_) | Self::Sync => true,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_byte_that_was_synced_and_not_changed_since_is_never_lost(changes in changes(), seed: u64) {
        let disk = SimDisk::new(seed);
        let file = disk.open("/file".as_ref(), Mode::CreateNew).unwrap();
        disk.sync_folder("/".as_ref()).unwrap();
        changes.iter().for_each(|change| change.make(&file));
        let since = changes.iter().rposition(|change| matches!(change, Change::Sync)).map_or(0, |last| last + 1);
        let model = SimDisk::new(0);
        let synced = model.open("/file".as_ref(), Mode::CreateNew).unwrap();
        changes[..since].iter().for_each(|change| change.make(&synced));
        let synced = read(&model, "/file").unwrap();
        for _ in 0..4 {
            let kept = read(&disk.restart(), "/file").unwrap();
            for (index, byte) in synced.iter().enumerate() {
                if changes[since..].iter().all(|change| change.spares(index)) {
                    prop_assert_eq!(kept.get(index), Some(byte), "byte {}", index);
                }
            }
        }
    }

    #[test]
    fn a_kill_loses_nothing_and_syncs_nothing(changes in changes(), seed: u64) {
        let disk = SimDisk::new(seed);
        let file = disk.open("/file".as_ref(), Mode::CreateNew).unwrap();
        changes.iter().for_each(|change| change.make(&file));
        let seen = read(&disk, "/file");
        let killed = disk.kill();
        prop_assert_eq!(read(&killed, "/file"), seen);
        prop_assert!(file.len().is_err(), "the killed process's file is closed");
        prop_assert!((0..200).any(|_| read(&killed.restart(), "/file").is_none()));
    }

    #[test]
    fn the_same_seed_loses_the_same(changes in changes(), seed: u64) {
        let outcome = || {
            let disk = SimDisk::new(seed);
            for path in ["/a", "/b", "/c"] {
                let file = disk.open(path.as_ref(), Mode::CreateNew).unwrap();
                changes.iter().for_each(|change| change.make(&file));
            }
            let (first, second) = (disk.restart(), disk.restart());
            [first, second].map(|disk| ["/a", "/b", "/c"].map(|path| read(&disk, path)))
        };
        prop_assert_eq!(outcome(), outcome());
    }
}

#[test]
fn unsynced_bytes_are_lost_kept_torn_and_reordered() {
    let prepare = |disk: &SimDisk| {
        write(disk, "/file", &[]);
        disk.sync_folder("/".as_ref()).unwrap();
        let file = disk.open("/file".as_ref(), Mode::Write).unwrap();
        for piece in 0..4 {
            file.write_at(&[piece + 1; 1000], u64::from(piece) * 1000).unwrap();
        }
    };
    let whole: Vec<u8> = (1..5).flat_map(|piece| [piece; 1000]).collect();
    let outcomes = |is_so: &dyn Fn(Vec<u8>) -> bool| count(300, prepare, |disk| is_so(read(disk, "/file").unwrap()));
    assert!(outcomes(&|kept| kept.is_empty()) > 30, "lost");
    assert!(outcomes(&|kept| kept == whole) > 30, "kept");
    let torn = |kept: Vec<u8>| !kept.is_empty() && kept.len() < whole.len() && whole.starts_with(&kept);
    assert!(outcomes(&torn) > 10, "cut short");
    assert!(outcomes(&|kept| kept.len() % 1000 % 512 > 0) > 10, "torn at any byte");
    let holed = |kept: Vec<u8>| kept.iter().zip(&whole).any(|(kept, written)| kept != written);
    assert!(outcomes(&holed) > 30, "later bytes without earlier ones");
    let only_length = |kept: Vec<u8>| kept.len() == whole.len() && kept[3000..].iter().all(|byte| *byte == 0);
    assert!(outcomes(&only_length) > 3, "the length without the bytes");
}

#[test]
fn syncing_a_file_does_not_sync_its_entry_nor_the_other_way_round() {
    let file_only = |disk: &SimDisk| {
        write(disk, "/file", b"bytes");
        sync(disk, "/file");
    };
    let gone = count(200, file_only, |disk| read(disk, "/file").is_none());
    let whole = count(200, file_only, |disk| read(disk, "/file").as_deref() == Some(b"bytes"));
    assert!(gone > 40 && whole > 40 && gone + whole == 200, "{gone} {whole}");

    let entry_only = |disk: &SimDisk| {
        write(disk, "/file", b"bytes");
        disk.sync_folder("/".as_ref()).unwrap();
    };
    let empty = count(200, entry_only, |disk| read(disk, "/file").unwrap().is_empty());
    assert!((20..180).contains(&empty), "{empty}");
}

#[test]
fn a_folder_that_is_not_durable_takes_its_durable_files_with_it() {
    let disk = SimDisk::new(3);
    disk.create_folders("/a/b".as_ref()).unwrap();
    for _ in 0..20 {
        assert!(disk.restart().list("/a/b".as_ref()).is_ok(), "create_folders makes the chain durable");
    }
    let disk = SimDisk::new(3);
    disk.crash_at_operation(2);
    assert!(disk.create_folders("/a/b".as_ref()).is_err());
    let disk = disk.kill();
    // `/a` was made but not synced by the one who was killed.
    disk.create_folders("/a/b".as_ref()).unwrap();
    for _ in 0..20 {
        assert!(disk.restart().list("/a/b".as_ref()).is_ok(), "whoever made it");
    }
}

#[test]
fn a_removal_that_is_not_synced_may_be_undone() {
    let removed = |disk: &SimDisk| {
        write(disk, "/file", b"bytes");
        sync(disk, "/file");
        disk.sync_folder("/".as_ref()).unwrap();
        disk.remove("/file".as_ref()).unwrap();
    };
    let back = count(200, removed, |disk| read(disk, "/file").as_deref() == Some(b"bytes"));
    assert!((40..160).contains(&back), "{back}");
}

#[test]
fn entries_of_one_folder_are_lost_in_any_combination() {
    let made = |disk: &SimDisk| ["/a", "/b"].iter().for_each(|path| write(disk, path, b""));
    for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
        let seen = count(200, made, |disk| (read(disk, "/a").is_some(), read(disk, "/b").is_some()) == (a, b));
        assert!(seen > 5, "{a} {b}: {seen}");
    }
}

#[test]
fn what_is_published_is_old_or_new_and_never_between() {
    for seed in 0..100 {
        for at in 1.. {
            let disk = SimDisk::new(seed);
            publish_new(&disk, "/f/file".as_ref(), b"old").unwrap();
            disk.crash_at_operation(at);
            let done = publish_replacing(&disk, "/f/file".as_ref(), b"new").is_ok();
            let found = read(&disk.restart(), "/f/file").unwrap();
            assert!(found == b"new" || (found == b"old" && !done), "{seed} {at}: {found:?}");
            if done {
                break;
            }
        }
    }
}

#[test]
fn names_of_one_file_stay_names_of_one_file() {
    let disk = SimDisk::new(1);
    write(&disk, "/one", b"bytes");
    sync(&disk, "/one");
    disk.link("/one".as_ref(), "/two".as_ref()).unwrap();
    disk.sync_folder("/".as_ref()).unwrap();
    let disk = disk.restart();
    write(&disk, "/two", b"BYTES");
    assert_eq!(read(&disk, "/one").unwrap(), b"BYTES");
}
