//! SimDisk as a [`Disk`], and its open files: each call takes the machine's
//! lock, does its work there, and names the path if it fails.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::SimDisk;
use super::machine::{Id, Machine};
use crate::disk::{Disk, DiskFile, DiskLock, Entry, Mode, at};

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let id = self.machine.lock().open(path, mode).map_err(at("open", path))?;
        let machine = Arc::clone(&self.machine);
        Ok(Arc::new(SimFile { machine, id, path: path.to_owned(), writes: mode != Mode::Read }))
    }

    fn sync_together(&self, files: &[&Arc<dyn DiskFile>]) -> io::Result<()> {
        let order = self.machine.lock().sync_order(files.len());
        let mut failures: Vec<(usize, io::Error)> = Vec::new();
        for index in order {
            if let Err(error) = files[index].sync() {
                failures.push((index, error));
            }
        }
        let first = failures.into_iter().min_by_key(|(index, _)| *index);
        first.map_or(Ok(()), |(_, error)| Err(error))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.machine.lock().list(folder).map_err(at("list", folder))
    }

    fn create_folders(&self, folder: &Path) -> io::Result<()> {
        self.machine.lock().create_folders(folder).map_err(at("create folder", folder))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.machine.lock().link(from, to).map_err(at("link", to))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.machine.lock().rename(from, to).map_err(at("rename", to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.machine.lock().remove(path).map_err(at("remove", path))
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.machine.lock().remove_folder(folder).map_err(at("remove folder", folder))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.machine.lock().sync_folder(folder).map_err(at("sync folder", folder))
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        self.machine.lock().length(path).map_err(at("look at", path))
    }

    /// Nothing here is old: simulated time is the test's own.
    fn age(&self, _path: &Path) -> io::Result<Option<Duration>> {
        Ok(None)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        let id = self.machine.lock().lock(path).map_err(at("lock", path))?;
        Ok(DiskLock::new(Held { machine: Arc::clone(&self.machine), id }))
    }

    fn free_space(&self, folder: &Path) -> io::Result<u64> {
        self.machine.lock().free_space(folder).map_err(at("look at", folder))
    }
}

/// An open file of a SimDisk.
#[derive(Debug)]
struct SimFile {
    machine: Arc<Mutex<Machine>>,
    id: Id,
    path: PathBuf,
    writes: bool,
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.machine.lock().read_at(self.id, buffer, offset).map_err(at("read", &self.path))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change("write", |machine| machine.write_at(self.id, bytes, offset))
    }

    fn sync(&self) -> io::Result<()> {
        self.machine.lock().sync(self.id).map_err(at("sync", &self.path))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.change("truncate", |machine| machine.truncate(self.id, length))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.change("allocate", |machine| machine.allocate(self.id, length))
    }

    fn len(&self) -> io::Result<u64> {
        self.machine.lock().len(self.id).map_err(at("look at", &self.path))
    }
}

impl SimFile {
    fn change(&self, operation: &'static str, change: impl FnOnce(&mut Machine) -> io::Result<()>) -> io::Result<()> {
        if !self.writes {
            return Err(at(operation, &self.path)(rustix::io::Errno::BADF.into()));
        }
        change(&mut self.machine.lock()).map_err(at(operation, &self.path))
    }
}

/// A held lock.
struct Held {
    machine: Arc<Mutex<Machine>>,
    id: Id,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.machine.lock().unlock(self.id);
    }
}
