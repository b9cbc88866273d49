//! The simulated machine: the tree of folders and files, its locks, its room
//! and its faults; how it dies and comes back; how a path is followed. What the
//! single calls do is in [`calls`](super::calls).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::content::Content;
use super::faults::Faults;
use super::folder::{Entries, Folder};
use crate::disk::Mode;

/// A file or folder, whatever its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub(super) usize);

/// The folder `/`.
pub(super) const ROOT: Id = Id(0);

/// What `free_space` says without a limit: a tebibyte.
const AMPLE: u64 = 1 << 40;

/// What an [`Id`] stands for.
#[derive(Debug, Clone)]
pub(super) enum Node {
    File(Content),
    Folder(Folder),
}

/// All that a [`SimDisk`](super::SimDisk) is.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) nodes: Vec<Node>,
    locked: HashSet<Id>,
    /// What the files can take together, in bytes; `None` is ample.
    capacity: Option<u64>,
    pub(super) rng: StdRng,
    pub(super) faults: Faults,
}

/// Where a path leads: a name in a folder, and what has it, if anything.
pub(super) struct Place<'a> {
    pub(super) folder: Id,
    pub(super) name: &'a str,
    pub(super) found: Option<Id>,
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

    pub(super) fn room(&self) -> u64 {
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

    pub(super) fn check_room_for_entry(&self) -> io::Result<()> {
        if self.room() == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// Ways through the tree.
impl Machine {
    pub(super) fn add(&mut self, folder: Id, name: &str, node: Node) -> io::Result<Id> {
        self.check_room_for_entry()?;
        let id = Id(self.nodes.len());
        self.nodes.push(node);
        self.folder_mut(folder)?.add(name, id);
        self.faults.count_change()?;
        Ok(id)
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Id> {
        let mut id = ROOT;
        for name in names(path)? {
            id = self.folder(id)?.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(id)
    }

    pub(super) fn place<'a>(&self, path: &'a Path) -> io::Result<Place<'a>> {
        let mut names = names(path)?;
        let name = names.pop().ok_or(ErrorKind::IsADirectory)?;
        let mut folder = ROOT;
        for above in names {
            folder = self.folder(folder)?.get(above).ok_or(ErrorKind::NotFound)?;
        }
        let found = self.folder(folder)?.get(name);
        Ok(Place { folder, name, found })
    }

    pub(super) fn file(&self, id: Id) -> io::Result<&Content> {
        match &self.nodes[id.0] {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn file_mut(&mut self, id: Id) -> io::Result<&mut Content> {
        match &mut self.nodes[id.0] {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn folder(&self, id: Id) -> io::Result<&Folder> {
        match &self.nodes[id.0] {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn folder_mut(&mut self, id: Id) -> io::Result<&mut Folder> {
        match &mut self.nodes[id.0] {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }
}

/// The names on the way from `/` to `path`; a relative path starts there too.
pub(super) fn names(path: &Path) -> io::Result<Vec<&str>> {
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
