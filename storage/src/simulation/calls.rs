//! What each call of a [`Disk`](crate::Disk) does to the machine. All of them
//! ask for the power first; a change is made in the cache, then counted, so that
//! a power loss in it finds it among what is unsynced.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::content::Content;
use super::faults::Fate;
use super::folder::Folder;
use super::machine::{Id, Machine, Node, Place, ROOT, names};
use crate::disk::{Entry, Mode};

/// Files.
impl Machine {
    pub(super) fn open(&mut self, path: &Path, mode: Mode) -> io::Result<Id> {
        self.faults.check_power()?;
        let place = self.place(path)?;
        match place.found {
            Some(_) if mode == Mode::CreateNew => Err(ErrorKind::AlreadyExists.into()),
            Some(id) if mode == Mode::Write => self.file(id).map(|_| id),
            Some(id) => Ok(id),
            None if mode == Mode::Read => Err(ErrorKind::NotFound.into()),
            None => {
                let (folder, name) = (place.folder, place.name);
                self.add(folder, name, Node::File(Content::default()))
            }
        }
    }

    pub(super) fn read_at(&self, id: Id, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.faults.check_power()?;
        Ok(self.file(id)?.read_at(buffer, offset))
    }

    pub(super) fn write_at(&mut self, id: Id, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.faults.check_power()?;
        let room_ends = self.file(id)?.len().saturating_add(self.room());
        let fits = room_ends.saturating_sub(offset).min(bytes.len() as u64) as usize;
        if fits > 0 {
            self.file_mut(id)?.write_at(&bytes[..fits], offset);
            self.faults.count_change()?;
        }
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn truncate(&mut self, id: Id, length: u64) -> io::Result<()> {
        self.faults.check_power()?;
        self.file_mut(id)?.truncate(length);
        self.faults.count_change()
    }

    pub(super) fn allocate(&mut self, id: Id, length: u64) -> io::Result<()> {
        self.faults.check_power()?;
        if length > self.file(id)?.len().saturating_add(self.room()) {
            return Err(ErrorKind::StorageFull.into());
        }
        self.file_mut(id)?.lengthen(length);
        self.faults.count_change()
    }

    pub(super) fn sync(&mut self, id: Id) -> io::Result<()> {
        self.faults.check_power()?;
        let fate = self.faults.count_sync()?;
        match (&mut self.nodes[id.0], &fate) {
            (Node::File(content), Fate::Sync) => content.sync(),
            (Node::File(content), Fate::Fail) => content.lie(&mut self.rng),
            (Node::Folder(folder), Fate::Sync) => folder.sync(),
            (Node::Folder(_), Fate::Fail) => {}
        }
        if fate == Fate::Fail { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
    }

    pub(super) fn len(&self, id: Id) -> io::Result<u64> {
        self.faults.check_power()?;
        Ok(self.file(id)?.len())
    }

    pub(super) fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        self.faults.check_power()?;
        let found = match self.find(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        match &self.nodes[found.0] {
            Node::File(content) => Ok(Some(content.len())),
            Node::Folder(_) => Ok(None),
        }
    }
}

/// Folders and their entries.
impl Machine {
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.faults.check_power()?;
        let entries = self.folder(self.find(path)?)?.entries();
        let listed = entries.iter().map(|(name, id)| {
            let (is_dir, len) = match &self.nodes[id.0] {
                Node::File(content) => (false, content.len()),
                Node::Folder(_) => (true, 0),
            };
            Entry { name: name.clone(), is_dir, len }
        });
        Ok(listed.collect())
    }

    pub(super) fn create_folders(&mut self, path: &Path) -> io::Result<()> {
        self.faults.check_power()?;
        let (mut folder, mut above) = (ROOT, None);
        for name in names(path)? {
            if let Some(child) = self.folder(folder)?.get(name) {
                self.folder(child)?;
                (above, folder) = (Some(folder), child);
                continue;
            }
            // What holds the new folder is durable before the new one is made.
            if let Some(above) = above {
                self.sync(above)?;
            }
            let child = self.add(folder, name, Node::Folder(Folder::default()))?;
            (above, folder) = (Some(folder), child);
        }
        above.map_or(Ok(()), |above| self.sync(above))
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.check_power()?;
        let id = self.find(from)?;
        let Place { folder, name, found } = self.place(to)?;
        if found.is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        // As Linux says it.
        self.file(id).map_err(|_| ErrorKind::PermissionDenied)?;
        self.check_room_for_entry()?;
        self.folder_mut(folder)?.add(name, id);
        self.faults.count_change()
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.check_power()?;
        if from.parent() != to.parent() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let (from, to) = (self.place(from)?, self.place(to)?);
        let id = from.found.ok_or(ErrorKind::NotFound)?;
        self.file(id)?;
        match to.found {
            // POSIX: two names of one file stay as they are.
            Some(found) if found == id => return Ok(()),
            Some(found) => drop(self.file(found)?),
            None => {}
        }
        self.folder_mut(from.folder)?.rename(from.name, to.name, id);
        self.faults.count_change()
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.faults.check_power()?;
        let place = self.place(path)?;
        self.file(place.found.ok_or(ErrorKind::NotFound)?)?;
        self.folder_mut(place.folder)?.remove(place.name);
        self.faults.count_change()
    }

    pub(super) fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        self.faults.check_power()?;
        let place = self.place(path)?;
        let found = self.folder(place.found.ok_or(ErrorKind::NotFound)?)?;
        if !found.entries().is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.folder_mut(place.folder)?.remove(place.name);
        self.faults.count_change()
    }

    pub(super) fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        self.faults.check_power()?;
        let id = self.find(path)?;
        self.folder(id)?;
        self.sync(id)
    }
}
