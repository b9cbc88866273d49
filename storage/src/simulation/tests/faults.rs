//! Planned faults come when they are planned, and can be told apart.

use std::io::ErrorKind;

use super::{read, sync, write};
use crate::{Disk, Mode, SimDisk, is_crash, is_full, os_error};

const EIO: i32 = 5;

#[test]
fn every_operation_is_counted_once() {
    let disk = SimDisk::new(1);
    disk.create_folders("/f".as_ref()).unwrap(); // a folder, a sync
    write(&disk, "/f/a", b"x"); // a creation, a write
    disk.link("/f/a".as_ref(), "/f/b".as_ref()).unwrap();
    assert!(disk.link("/f/a".as_ref(), "/f/b".as_ref()).is_err()); // no effect
    let (a, b) = ["/f/a", "/f/b"].map(|path| disk.open(path.as_ref(), Mode::Write).unwrap()).into();
    disk.sync_together(&[&a, &b]).unwrap();
    disk.rename("/f/b".as_ref(), "/f/c".as_ref()).unwrap();
    disk.remove("/f/c".as_ref()).unwrap();
    a.truncate(9).unwrap();
    a.allocate(99).unwrap();
    disk.sync_folder("/f".as_ref()).unwrap();
    let counts = disk.counts();
    assert_eq!((counts.operations, counts.syncs), (12, 4));
}

#[test]
fn after_the_planned_operation_everything_fails_as_a_crash() {
    let disk = SimDisk::new(1);
    let file = disk.open("/file".as_ref(), Mode::Write).unwrap();
    disk.crash_at_operation(2);
    file.write_at(b"a", 0).unwrap();
    assert!(!disk.is_crashed());
    for error in [
        file.write_at(b"b", 1).unwrap_err(),
        file.read_at(&mut [0], 0).unwrap_err(),
        file.sync().unwrap_err(),
        disk.list("/".as_ref()).unwrap_err(),
        disk.lock("/lock".as_ref()).unwrap_err(),
    ] {
        assert!(is_crash(&error), "{error}");
    }
    assert!(disk.is_crashed());
    let error = crate::StoreError::Io {
        operation: "append to",
        key: crate::Key::root(),
        source: Box::new(file.len().unwrap_err()),
    };
    assert!(is_crash(&error), "however wrapped");
}

#[test]
fn a_crash_can_be_planned_by_syncs() {
    let disk = SimDisk::new(1);
    disk.crash_at_sync(2);
    write(&disk, "/file", b"x");
    sync(&disk, "/file");
    assert!(is_crash(&disk.sync_folder("/".as_ref()).unwrap_err()));
    let counts = disk.restart().counts();
    assert_eq!((counts.operations, counts.syncs), (0, 0));
}

#[test]
fn a_disk_without_room_cuts_writes_short_until_there_is_room() {
    let disk = SimDisk::new(1);
    let file = disk.open("/file".as_ref(), Mode::Write).unwrap();
    file.allocate(10).unwrap();
    disk.set_room(5);
    file.write_at(b"0123456789", 0).expect("reserved");
    assert!(is_full(&file.allocate(16).unwrap_err()));
    assert!(is_full(&file.write_at(b"abcdefgh", 10).unwrap_err()));
    assert_eq!(read(&disk, "/file").unwrap(), b"0123456789abcde");
    assert_eq!(disk.free_space("/".as_ref()).unwrap(), 0);
    assert!(is_full(&disk.open("/other".as_ref(), Mode::Write).unwrap_err()));
    file.truncate(12).unwrap();
    assert_eq!(disk.free_space("/".as_ref()).unwrap(), 3);
    disk.set_room(100);
    file.write_at(b"abcdefgh", 10).unwrap();
    assert_eq!(disk.free_space("/".as_ref()).unwrap(), 100 - 6);
    disk.remove("/file".as_ref()).unwrap();
    assert_eq!(disk.restart().free_space("/".as_ref()).unwrap(), 100 + 12, "and after a restart");
}

#[test]
fn a_failed_sync_lies_until_the_bytes_are_written_again() {
    let (mut lost, mut kept, mut shown) = (0, 0, 0);
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        write(&disk, "/file", &[1; 600]);
        disk.sync_folder("/".as_ref()).unwrap();
        disk.eio_at_sync(1);
        let file = disk.open("/file".as_ref(), Mode::Write).unwrap();
        assert_eq!(os_error(&file.sync().unwrap_err()), Some(EIO));
        file.sync().expect("the next sync knows of nothing");
        assert_eq!(file.len().unwrap(), 600);
        shown += u64::from(read(&disk, "/file").unwrap() == [1; 600]);
        let whole = read(&disk.restart(), "/file").unwrap() == [1; 600];
        *(if whole { &mut kept } else { &mut lost }) += 1;
    }
    assert!(lost > 50 && kept > 20, "{lost} {kept}");
    assert!(shown > lost.max(50), "the cache hides the loss: {shown}");
}

#[test]
fn after_a_failed_sync_bytes_written_again_and_synced_are_safe() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let file = disk.open("/file".as_ref(), Mode::Write).unwrap();
        disk.sync_folder("/".as_ref()).unwrap();
        disk.eio_at_sync(2);
        file.write_at(&[1; 600], 0).unwrap();
        file.sync().unwrap();
        file.write_at(&[2; 600], 600).unwrap();
        assert!(file.sync().is_err());
        file.write_at(&[2; 600], 600).unwrap();
        file.sync().unwrap();
        assert_eq!(read(&disk.restart(), "/file").unwrap(), [[1; 600], [2; 600]].concat());
    }
}

#[test]
fn a_lock_has_one_holder_until_it_is_dropped_or_dies() {
    let disk = SimDisk::new(1);
    let held = disk.lock("/lock".as_ref()).unwrap();
    let refused = disk.clone().lock("/lock".as_ref()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert!(refused.to_string().contains("/lock"), "{refused}");
    drop(held);
    let held = disk.lock("/lock".as_ref()).unwrap();
    let _again = disk.kill().lock("/lock".as_ref()).unwrap();
    drop(held);
}

#[test]
fn a_file_open_for_reading_can_be_synced_but_not_written() {
    let disk = SimDisk::new(1);
    write(&disk, "/file", b"x");
    let file = disk.open("/file".as_ref(), Mode::Read).unwrap();
    file.sync().unwrap();
    assert!(file.write_at(b"y", 0).is_err() && file.truncate(0).is_err() && file.allocate(9).is_err());
    assert_eq!(read(&disk, "/file").unwrap(), b"x");
}
