//! The simulated machine: the tree of folders and files, its locks, its room
//! and its faults. Paths are resolved here; nothing here blocks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::content::Content;
use super::faults::{Fate, Faults};
use super::folder::{Entries, Folder};
use crate::disk::{Entry, Mode};

/// A file or folder, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(usize);

/// The folder `/`.
const ROOT: Id = Id(0);

/// What `free_space` says without a limit: a tebibyte.
const AMPLE: u64 = 1 << 40;

#[derive(Debug, Clone)]
enum Node {
    File(Content),
    Folder(Folder),
}

/// All that a [`SimDisk`](super::SimDisk) is.
#[derive(Debug)]
pub(super) struct Machine {
    nodes: Vec<Node>,
    locked: HashSet<Id>,
    /// What the files can take together, in bytes; `None` is ample.
    capacity: Option<u64>,
    rng: StdRng,
    pub(super) faults: Faults,
}

/// Where a path leads: a name in a folder, and what has it, if anything.
struct Place<'a> {
    folder: Id,
    name: &'a str,
    found: Option<Id>,
}

/// Life and death.
impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        Self::of(vec![Node::Folder(Folder::default())], None, seed)
    }

    fn of(nodes: Vec<Node>, capacity: Option<u64>, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { nodes, locked: HashSet::new(), capacity, rng, faults: Faults::default() }
    }

    pub(super) fn after_kill(&mut self) -> Self {
        Self::of(self.nodes.clone(), self.capacity, self.rng.next_u64())
    }

    pub(super) fn after_power_loss(&mut self) -> Self {
        let seed = self.rng.next_u64();
        let mut survivors = Survivors { nodes: Vec::new(), moved: HashMap::new() };
        survivors.keep(ROOT, &self.nodes, &mut self.rng);
        Self::of(survivors.nodes, self.capacity, seed)
    }

    pub(super) fn set_room(&mut self, bytes: u64) {
        self.capacity = Some(self.used().saturating_add(bytes));
    }

    /// In which order `count` files are synced together.
    pub(super) fn sync_order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.rng.random_range(0..=last));
        }
        order
    }
}

/// What survives a power loss, as found from the root on.
struct Survivors {
    nodes: Vec<Node>,
    /// Where the old nodes went, so that a file keeps all its names.
    moved: HashMap<Id, Id>,
}

impl Survivors {
    fn keep(&mut self, old: Id, nodes: &[Node], rng: &mut StdRng) -> Id {
        if let Some(id) = self.moved.get(&old) {
            return *id;
        }
        let id = Id(self.nodes.len());
        self.moved.insert(old, id);
        self.nodes.push(Node::File(Content::default()));
        self.nodes[id.0] = match &nodes[old.0] {
            Node::File(content) => Node::File(Content::durable(content.after_power_loss(rng))),
            Node::Folder(folder) => {
                let mut entries = Entries::new();
                for (name, child) in folder.after_power_loss(rng) {
                    entries.insert(name, self.keep(child, nodes, rng));
                }
                Node::Folder(Folder::durable(entries))
            }
        };
        id
    }
}

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

/// Locks and room.
impl Machine {
    pub(super) fn lock(&mut self, path: &Path) -> io::Result<Id> {
        let id = self.open(path, Mode::Write)?;
        if self.locked.insert(id) { Ok(id) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    pub(super) fn unlock(&mut self, id: Id) {
        self.locked.remove(&id);
    }

    pub(super) fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.faults.check_power()?;
        self.find(path)?;
        Ok(self.room())
    }

    fn room(&self) -> u64 {
        self.capacity.map_or(AMPLE, |capacity| capacity.saturating_sub(self.used()))
    }

    /// What the files that have a name take; each once, whatever its names.
    fn used(&self) -> u64 {
        let mut files = BTreeMap::new();
        let mut folders = vec![ROOT];
        while let Some(id) = folders.pop() {
            let Node::Folder(folder) = &self.nodes[id.0] else { continue };
            for child in folder.entries().values() {
                match &self.nodes[child.0] {
                    Node::File(content) => drop(files.insert(*child, content.len())),
                    Node::Folder(_) => folders.push(*child),
                }
            }
        }
        files.values().sum()
    }

    fn check_room_for_entry(&self) -> io::Result<()> {
        if self.room() == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// Ways through the tree.
impl Machine {
    fn add(&mut self, folder: Id, name: &str, node: Node) -> io::Result<Id> {
        self.check_room_for_entry()?;
        let id = Id(self.nodes.len());
        self.nodes.push(node);
        self.folder_mut(folder)?.add(name, id);
        self.faults.count_change()?;
        Ok(id)
    }

    fn find(&self, path: &Path) -> io::Result<Id> {
        let mut id = ROOT;
        for name in names(path)? {
            id = self.folder(id)?.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(id)
    }

    fn place<'a>(&self, path: &'a Path) -> io::Result<Place<'a>> {
        let mut names = names(path)?;
        let name = names.pop().ok_or(ErrorKind::IsADirectory)?;
        let mut folder = ROOT;
        for above in names {
            folder = self.folder(folder)?.get(above).ok_or(ErrorKind::NotFound)?;
        }
        let found = self.folder(folder)?.get(name);
        Ok(Place { folder, name, found })
    }

    fn file(&self, id: Id) -> io::Result<&Content> {
        match &self.nodes[id.0] {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn file_mut(&mut self, id: Id) -> io::Result<&mut Content> {
        match &mut self.nodes[id.0] {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn folder(&self, id: Id) -> io::Result<&Folder> {
        match &self.nodes[id.0] {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn folder_mut(&mut self, id: Id) -> io::Result<&mut Folder> {
        match &mut self.nodes[id.0] {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }
}

/// The names on the way from `/` to `path`; a relative path starts there too.
fn names(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_str().ok_or(ErrorKind::InvalidInput)?),
            Component::ParentDir | Component::Prefix(_) => {
                return Err(ErrorKind::InvalidInput.into());
            }
        }
    }
    Ok(names)
}
