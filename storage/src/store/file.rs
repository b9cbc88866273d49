//! FileStore: a store in a folder of a disk (`file:`), its own or a mounted one.
//!
//! A key is the path below the root. Whole files appear by
//! [`publish_new`] and [`publish_replacing`]. An append is made whole by a
//! **mark**, `.~<name>.append`, a sealed document of the file's length before:
//!
//! 1. publish the mark, 2. write and sync the bytes, 3. remove the mark and
//!    sync the folder.
//!
//! While there is a mark the file counts as long as the mark says: readers see
//! no more, and the next change of the file cuts it to that length first. So
//! torn, reordered or lied-about bytes of an append that a crash or a failed
//! sync cut short never become part of the file; it is as if the append had not
//! been.

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use super::key::is_part;
use super::{Key, Linked, Listed, Store, StoreError};
use crate::disk::{Disk, Mode, is_full};
use crate::publish::{Created, is_temporary, publish_new, publish_replacing};
use crate::sealed;

/// A [`Store`] in a folder of a [`Disk`]. Calls block for as long as the disk
/// takes; none of them waits for another.
#[derive(Debug)]
pub struct FileStore {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// Folders that this value knows to be durable.
    folders: Mutex<HashSet<PathBuf>>,
}

impl FileStore {
    /// The store in the folder `root`, which is made with the first file.
    pub fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self { disk, root, folders: Mutex::default() }
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

#[async_trait]
impl Store for FileStore {
    async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        self.list_into(prefix, &mut listed).map_err(failed("list", prefix))?;
        listed.sort();
        Ok(listed)
    }

    async fn list_folders(&self, prefix: &Key) -> Result<Vec<String>, StoreError> {
        let entries = self.entries(&self.path(prefix)).map_err(failed("list", prefix))?;
        let folders = entries.into_iter().filter(|entry| entry.is_dir && is_part(&entry.name));
        Ok(folders.map(|entry| entry.name).collect())
    }

    async fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.valid_length(&self.path(key)).map_err(failed("look at", key))
    }

    async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.read_range(key, 0..u64::MAX).await
    }

    async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        let bytes = self.read_file(&self.path(key), range).map_err(failed("read", key))?;
        bytes.ok_or_else(|| StoreError::NotFound { key: key.clone() })
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, StoreError> {
        let path = self.path(key);
        let create = || {
            self.prepare(&path)?;
            publish_new(&*self.disk, &path, &bytes)
        };
        create().map_err(uncertain("create", key))
    }

    async fn append(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.path(key);
        let found = self.prepare(&path).and_then(|()| self.disk.length(&path));
        let found = found.map_err(failed("append to", key))?.unwrap_or(0);
        if found != expected {
            return Err(StoreError::WrongLength { key: key.clone(), expected, found });
        }
        self.append_marked(&path, expected, &bytes).map_err(failed("append to", key))
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.path(key);
        let replace = || {
            self.prepare(&path)?;
            publish_replacing(&*self.disk, &path, &bytes)
        };
        replace().map_err(uncertain("replace", key))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let path = self.path(key);
        let delete = || {
            self.settle(&path)?;
            or_absent(self.disk.remove(&path))?;
            or_absent(self.disk.sync_folder(folder_of(&path)))
        };
        delete().map_err(failed("delete", key)).map(drop)
    }

    async fn remove_temporaries(&self, age: Duration) -> Result<usize, StoreError> {
        self.remove_temporaries_in(&self.root, age).map_err(failed("tidy", &Key::root()))
    }

    async fn link_from(&self, local: &Path, key: &Key) -> Result<Linked, StoreError> {
        let path = self.path(key);
        let link = || {
            self.prepare(&path)?;
            let linked = match self.disk.link(local, &path) {
                Ok(()) => Linked::Linked,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Linked::Exists,
                Err(error) if cannot_link(&error) => return Ok(Linked::Unsupported),
                Err(error) => return Err(error),
            };
            self.disk.sync_folder(folder_of(&path))?;
            Ok(linked)
        };
        link().map_err(failed("link", key))
    }

    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.path(key))
    }
}

/// Reading.
impl FileStore {
    fn path(&self, key: &Key) -> PathBuf {
        key.below(&self.root)
    }

    fn list_into(&self, folder: &Key, listed: &mut Vec<Listed>) -> io::Result<()> {
        let path = self.path(folder);
        let entries = self.entries(&path)?;
        for entry in &entries {
            if is_temporary(&entry.name) || !is_part(&entry.name) {
                continue;
            }
            let key = folder.push(&entry.name);
            if entry.is_dir {
                self.list_into(&key, listed)?;
                continue;
            }
            let mark = mark_name(&entry.name);
            let len = if entries.iter().any(|entry| entry.name == mark) {
                // Gone since it was listed: then so is what the mark was for.
                let Some(len) = self.valid_length(&path.join(&entry.name))? else { continue };
                len
            } else {
                entry.len
            };
            listed.push(Listed { key, len });
        }
        Ok(())
    }

    /// A folder's entries; none without the folder.
    fn entries(&self, folder: &Path) -> io::Result<Vec<crate::disk::Entry>> {
        Ok(or_absent(self.disk.list(folder))?.unwrap_or_default())
    }

    fn read_file(&self, path: &Path, range: Range<u64>) -> io::Result<Option<Bytes>> {
        let Some(length) = self.valid_length(path)? else { return Ok(None) };
        let Some(file) = or_absent(self.disk.open(path, Mode::Read))? else { return Ok(None) };
        let (start, end) = (range.start.min(length), range.end.min(length));
        let mut bytes = vec![0; end.saturating_sub(start) as usize];
        let read = file.read_at(&mut bytes, start)?;
        bytes.truncate(read);
        Ok(Some(bytes.into()))
    }

    /// The file's length, as a mark may limit it.
    fn valid_length(&self, path: &Path) -> io::Result<Option<u64>> {
        let Some(length) = self.disk.length(path)? else { return Ok(None) };
        Ok(Some(self.marked_length(path)?.map_or(length, |marked| marked.min(length))))
    }

    /// What the file's mark says, if it has one.
    fn marked_length(&self, path: &Path) -> io::Result<Option<u64>> {
        let mark = mark_of(path);
        let Some(file) = or_absent(self.disk.open(&mark, Mode::Read))? else { return Ok(None) };
        let mut bytes = vec![0; file.len()? as usize];
        file.read_exact_at(&mut bytes, 0)?;
        sealed::open(&bytes)
            .map(Some)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("{}: {error}", mark.display())))
    }
}

/// Changing.
impl FileStore {
    /// Before a file is made or changed: its folder is durable, and what an
    /// interrupted append left is gone.
    fn prepare(&self, path: &Path) -> io::Result<()> {
        let folder = folder_of(path);
        if !self.folders.lock().contains(folder) {
            self.disk.create_folders(folder)?;
            self.folders.lock().insert(folder.to_owned());
        }
        self.settle(path)
    }

    /// Removes old temporaries at any depth; marks are none.
    fn remove_temporaries_in(&self, folder: &Path, age: Duration) -> io::Result<usize> {
        let mut removed = 0;
        for entry in self.entries(folder)? {
            let path = folder.join(&entry.name);
            if entry.is_dir {
                removed += self.remove_temporaries_in(&path, age)?;
            } else if is_temporary(&entry.name)
                && !is_mark(&entry.name)
                && or_absent(self.disk.age(&path))?.flatten().is_some_and(|old| old >= age)
                && or_absent(self.disk.remove(&path))?.is_some()
            {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Cuts the file to the length that its mark says, and removes the mark.
    fn settle(&self, path: &Path) -> io::Result<()> {
        let Some(marked) = self.marked_length(path)? else { return Ok(()) };
        if self.disk.length(path)?.is_some() {
            let file = self.disk.open(path, Mode::Write)?;
            file.truncate(marked)?;
            file.sync()?;
        }
        self.remove_mark(path)
    }

    /// Appends at `length`, the file's end; see the header.
    fn append_marked(&self, path: &Path, length: u64, bytes: &[u8]) -> io::Result<()> {
        let mark = sealed::seal(&length).map_err(io::Error::other)?;
        publish_replacing(&*self.disk, &mark_of(path), &mark)?;
        let file = self.disk.open(path, Mode::Write)?;
        file.write_at(bytes, length)?;
        file.sync()?;
        self.remove_mark(path)
    }

    /// Removes the mark, durably, and makes the file's own entry durable too.
    fn remove_mark(&self, path: &Path) -> io::Result<()> {
        or_absent(self.disk.remove(&mark_of(path)))?;
        self.disk.sync_folder(folder_of(path))
    }
}

fn mark_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(mark_name(&name))
}

fn mark_name(name: &str) -> String {
    format!(".~{name}.append")
}

/// Whether a temporary's name is a mark's: others end in a number.
fn is_mark(name: &str) -> bool {
    name.ends_with(".append")
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// `None` where there is no such file or folder.
fn or_absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Another file system, one without hard links, or not allowed to.
fn cannot_link(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

/// For a call that may have had its effect all the same. A full disk stops a
/// publication before its effect.
fn uncertain(operation: &'static str, key: &Key) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let key = key.clone();
    move |error| match failed(operation, &key)(error) {
        StoreError::Io { operation, key, source } => StoreError::Unknown { operation, key, source },
        full => full,
    }
}

fn failed(operation: &'static str, key: &Key) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let key = key.clone();
    move |error| {
        let full = is_full(&error);
        let source = Box::new(error);
        if full { StoreError::Full { operation, key, source } } else { StoreError::Io { operation, key, source } }
    }
}
