//! FileStore on a disk that works: the conformance suite, and what only a
//! folder can do.

use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::FileStore;
use crate::{Created, Disk, Key, Linked, LocalDisk, Mode, SimDisk, Store, StoreError, conformance};

/// The outcome of a FileStore's call, which never waits.
pub(super) fn now<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a FileStore never waits"),
    }
}

pub(super) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[test]
fn a_folder_on_the_real_disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    now(conformance::suite(&FileStore::new(Arc::new(LocalDisk::new()), folder.path().join("deep/store"))));
}

#[test]
fn a_folder_on_the_simulated_disk_conforms() {
    now(conformance::suite(&FileStore::new(Arc::new(SimDisk::new(1)), "/store".into())));
}

#[test]
fn of_many_threads_exactly_one_creates_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(LocalDisk::new());
    for round in 0..20 {
        let file = key(&format!("cuts/{round}"));
        let create = |who: u8| {
            let store = FileStore::new(disk.clone(), folder.path().to_owned());
            now(store.create(&file, Bytes::from(vec![who; 1000]))).unwrap()
        };
        let winners: Vec<u8> = thread::scope(|scope| {
            let racers: Vec<_> = (0..6).map(|who| (who, scope.spawn(move || create(who)))).collect();
            let outcomes = racers.into_iter().map(|(who, racer)| (who, racer.join().unwrap()));
            outcomes.filter(|(_, outcome)| *outcome == Created::Created).map(|(who, _)| who).collect()
        });
        let [winner] = winners[..] else { panic!("{winners:?}") };
        let store = FileStore::new(disk.clone(), folder.path().to_owned());
        assert_eq!(now(store.read(&file)).unwrap(), vec![winner; 1000]);
    }
}

#[test]
fn a_closed_file_becomes_the_stores_without_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(Arc::new(LocalDisk::new()), folder.path().join("store"));
    let (local, file) = (folder.path().join("day.ndjson"), key("master/day.ndjson"));
    fs::write(&local, "{}\n").unwrap();
    assert_eq!(now(store.link_from(&local, &file)).unwrap(), Linked::Linked);
    assert_eq!(now(store.link_from(&local, &file)).unwrap(), Linked::Exists);
    assert_eq!(now(store.read(&file)).unwrap(), "{}\n");
    fs::remove_file(&local).unwrap();
    assert_eq!(now(store.length(&file)).unwrap(), Some(3));
    assert!(now(store.link_from(&local, &key("master/other"))).is_err());
}

#[test]
fn a_file_on_another_file_system_cannot_be_linked() {
    let (Ok(here), Ok(there)) = (tempfile::tempdir_in("/dev/shm"), tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")))
    else {
        return;
    };
    let store = FileStore::new(Arc::new(LocalDisk::new()), there.path().to_owned());
    let local = here.path().join("day.ndjson");
    fs::write(&local, "{}\n").unwrap();
    assert_eq!(now(store.link_from(&local, &key("day.ndjson"))).unwrap(), Linked::Unsupported);
}

#[test]
fn what_is_not_ours_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(Arc::new(LocalDisk::new()), folder.path().to_owned());
    now(store.create(&key("a/ours"), Bytes::new())).unwrap();
    for name in [".~ours-0", ".~gone.append", "not a key", "käse"] {
        fs::write(folder.path().join("a").join(name), "x").unwrap();
        fs::create_dir(folder.path().join("a").join(format!("{name} "))).unwrap();
    }
    let listed = now(store.list(&Key::root())).unwrap();
    assert_eq!(listed.iter().map(|file| file.key.as_str()).collect::<Vec<_>>(), ["a/ours"]);
    assert_eq!(now(store.list_folders(&key("a"))).unwrap(), [""; 0]);
}

#[test]
fn old_temporaries_go_and_young_ones_and_marks_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(Arc::new(LocalDisk::new()), folder.path().to_owned());
    now(store.create(&key("a/b"), Bytes::from_static(b"x"))).unwrap();
    let left = |name: &str| folder.path().join(name);
    for name in [".~c-0", "a/.~b-0", "a/.~b-1", "a/.~b.append"] {
        fs::write(left(name), "left").unwrap();
    }
    assert_eq!(now(store.remove_temporaries(Duration::from_secs(3600))).unwrap(), 0);
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
    for name in [".~c-0", "a/.~b-0", "a/.~b.append"] {
        fs::File::options().write(true).open(left(name)).unwrap().set_modified(yesterday).unwrap();
    }
    assert_eq!(now(store.remove_temporaries(Duration::from_secs(3600))).unwrap(), 2);
    let stays = [".~c-0", "a/.~b-0", "a/.~b-1", "a/.~b.append", "a/b"].map(|name| left(name).exists());
    assert_eq!(stays, [false, false, true, true, true]);
}

#[test]
fn a_full_disk_says_so_and_passes() {
    let disk = SimDisk::new(7);
    let store = FileStore::new(Arc::new(disk.clone()), "/store".into());
    now(store.append(&key("grown"), 0, Bytes::from(vec![1; 100]))).unwrap();
    disk.set_room(300);
    let much = Bytes::from(vec![2; 1000]);
    for refused in [
        now(store.append(&key("grown"), 100, much.clone())),
        now(store.create(&key("made"), much.clone())).map(drop),
        now(store.replace(&key("made"), much.clone())),
    ] {
        assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    }
    assert_eq!(now(store.length(&key("grown"))).unwrap(), Some(100), "not a byte of it counts");
    assert_eq!(now(store.list(&Key::root())).unwrap().len(), 1);
    disk.set_room(10_000);
    now(store.append(&key("grown"), 100, much.clone())).unwrap();
    assert_eq!(now(store.create(&key("made"), much)).unwrap(), Created::Created);
    assert_eq!(now(store.length(&key("grown"))).unwrap(), Some(1100));
}

#[test]
fn a_damaged_mark_is_refused_by_name() {
    let disk = Arc::new(SimDisk::new(7));
    let store = FileStore::new(disk.clone(), "/store".into());
    now(store.append(&key("grown"), 0, Bytes::from_static(b"abc"))).unwrap();
    let mark = disk.open("/store/.~grown.append".as_ref(), Mode::CreateNew).unwrap();
    mark.write_at(b"{\"crc32c\":\"00000000\",\"body\":2}\n", 0).unwrap();
    let error = now(store.read(&key("grown"))).unwrap_err();
    assert!(error.to_string().contains(".~grown.append"), "{error}");
}

#[test]
fn deleting_a_file_removes_what_an_interrupted_append_left() {
    let disk = SimDisk::new(7);
    let store = FileStore::new(Arc::new(disk.clone()), "/store".into());
    now(store.append(&key("grown"), 0, Bytes::from_static(b"abc"))).unwrap();
    disk.crash_at_operation(6);
    now(store.append(&key("grown"), 3, Bytes::from_static(b"def"))).unwrap_err();
    let disk = disk.kill();
    let store = FileStore::new(Arc::new(disk.clone()), "/store".into());
    assert!(disk.length("/store/.~grown.append".as_ref()).unwrap().is_some());
    assert_eq!(now(store.read(&key("grown"))).unwrap(), "abc");
    now(store.delete(&key("grown"))).unwrap();
    assert_eq!(disk.list("/store".as_ref()).unwrap(), []);
}
