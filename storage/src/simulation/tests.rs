//! SimDisk keeps what was synced, loses some of the rest, and does both again
//! for the same seed.

mod against_local_disk;
mod faults;
mod power_loss;

use std::io;
use std::path::Path;

use crate::{Disk, Mode, SimDisk};

fn write(disk: &SimDisk, path: &str, bytes: &[u8]) {
    disk.open(path.as_ref(), Mode::Write).unwrap().write_at(bytes, 0).unwrap();
}

fn sync(disk: &SimDisk, path: &str) {
    disk.open(path.as_ref(), Mode::Read).unwrap().sync().unwrap();
}

fn read(disk: &dyn Disk, path: impl AsRef<Path>) -> Option<Vec<u8>> {
    match disk.open(path.as_ref(), Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        file => {
            let file = file.unwrap();
            let mut bytes = vec![0; file.len().unwrap() as usize];
            file.read_exact_at(&mut bytes, 0).unwrap();
            Some(bytes)
        }
    }
}

/// How many of `seeds` power losses leave a state that `is_so`.
fn count(seeds: u64, prepare: impl Fn(&SimDisk), is_so: impl Fn(&SimDisk) -> bool) -> u64 {
    let outcome = |seed| {
        let disk = SimDisk::new(seed);
        prepare(&disk);
        is_so(&disk.restart())
    };
    (0..seeds).filter(|seed| outcome(*seed)).count() as u64
}
