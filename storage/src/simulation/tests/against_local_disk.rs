//! As long as nothing fails, SimDisk and the real file system agree on every
//! call: on its answer, and on the kind of its error.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::read;
use crate::{Disk, LocalDisk, Mode, SimDisk, publish_new, publish_replacing};

const PATHS: [&str; 7] = ["a", "b", "f", "f/a", "f/b", "f/g", "f/g/a"];

/// One call; paths are indices into `PATHS`.
#[derive(Debug, Clone)]
enum Call {
    Write { path: usize, offset: u64, bytes: Vec<u8> },
    Resize { path: usize, truncate: bool, length: u64 },
    Open(usize, Mode),
    List(usize),
    CreateFolders(usize),
    Link(usize, usize),
    Rename(usize, usize),
    Remove(usize),
    RemoveFolder(usize),
    SyncFolder(usize),
    Length(usize),
    Publish { path: usize, replacing: bool, bytes: Vec<u8> },
}

fn call() -> impl Strategy<Value = Call> {
    let path = || 0..PATHS.len();
    let bytes = || prop::collection::vec(any::<u8>(), 0..50);
    let mode = prop_oneof![Just(Mode::Read), Just(Mode::Write), Just(Mode::CreateNew)];
    prop_oneof![
        (path(), 0..60_u64, bytes()).prop_map(|(path, offset, bytes)| Call::Write { path, offset, bytes }),
        (path(), any::<bool>(), 1..90_u64).prop_map(|(path, truncate, length)| Call::Resize { path, truncate, length }),
        (path(), mode).prop_map(|(path, mode)| Call::Open(path, mode)),
        path().prop_map(Call::List),
        path().prop_map(Call::CreateFolders),
        (path(), path()).prop_map(|(from, to)| Call::Link(from, to)),
        (path(), path()).prop_map(|(from, to)| Call::Rename(from, to)),
        path().prop_map(Call::Remove),
        path().prop_map(Call::RemoveFolder),
        path().prop_map(Call::SyncFolder),
        path().prop_map(Call::Length),
        (path(), any::<bool>(), bytes()).prop_map(|(path, replacing, bytes)| Call::Publish { path, replacing, bytes }),
    ]
}

impl Call {
    /// What came of it, as text; of an error, the kind.
    fn make(&self, disk: &dyn Disk, root: &Path) -> String {
        let at = |path: &usize| root.join(PATHS[*path]);
        match self {
            Self::Write { path, offset, bytes } => {
                shown(disk.open(&at(path), Mode::Write).and_then(|file| file.write_at(bytes, *offset)))
            }
            Self::Resize { path, truncate, length } => shown(
                disk.open(&at(path), Mode::Write)
                    .and_then(|file| if *truncate { file.truncate(*length) } else { file.allocate(*length) }),
            ),
            Self::Open(path, mode) if *mode != Mode::Read => shown(disk.open(&at(path), *mode).map(drop)),
            Self::Open(path, _) | Self::Length(path) => shown(disk.length(&at(path))),
            Self::List(path) => shown(disk.list(&at(path))),
            Self::CreateFolders(path) => shown(disk.create_folders(&at(path))),
            Self::Link(from, to) => shown(disk.link(&at(from), &at(to))),
            Self::Rename(from, to) => shown(disk.rename(&at(from), &at(to))),
            Self::Remove(path) => shown(disk.remove(&at(path))),
            Self::RemoveFolder(path) => shown(disk.remove_folder(&at(path))),
            Self::SyncFolder(path) => shown(disk.sync_folder(&at(path))),
            Self::Publish { path, replacing: true, bytes } => shown(publish_replacing(disk, &at(path), bytes)),
            Self::Publish { path, replacing: false, bytes } => shown(publish_new(disk, &at(path), bytes)),
        }
    }
}

impl Call {
    /// Which no one of ours does, and only the real disk can.
    fn renames_a_folder(&self, disk: &dyn Disk, root: &Path) -> bool {
        matches!(self, Self::Rename(from, _) if disk.list(&root.join(PATHS[*from])).is_ok())
    }
}

fn shown<T: Debug>(outcome: io::Result<T>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error: {:?}", error.kind()),
    }
}

/// Every file below `folder`, and what it holds.
fn files(disk: &dyn Disk, folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in disk.list(folder).unwrap() {
        let path = folder.join(&entry.name);
        if entry.is_dir {
            found.extend(files(disk, &path));
        } else {
            found.push((path.clone(), read(disk, &path).unwrap()));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_call_does_the_same_on_both(calls in prop::collection::vec(call(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (local, simulated) = (LocalDisk::new(), SimDisk::new(1));
        simulated.create_folders(root).unwrap();
        for call in &calls {
            if call.renames_a_folder(&simulated, root) {
                continue;
            }
            prop_assert_eq!(call.make(&local, root), call.make(&simulated, root), "{:?}", call);
        }
        prop_assert_eq!(files(&local, root), files(&simulated, root));
    }
}
