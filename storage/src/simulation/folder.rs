//! A folder's entries: what programs see, what is durable, and what is between.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;

use super::machine::Id;

/// Entries by name.
pub(super) type Entries = BTreeMap<String, Id>;

/// The entries of one folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Folder {
    cached: Entries,
    durable: Entries,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Add { name: String, id: Id },
    Remove { name: String },
    Rename { from: String, to: String, id: Id },
}

impl Folder {
    /// A folder found on a disk: all of it is durable.
    pub(super) fn durable(entries: Entries) -> Self {
        Self { cached: entries.clone(), durable: entries, unsynced: Vec::new() }
    }

    pub(super) fn entries(&self) -> &Entries {
        &self.cached
    }

    pub(super) fn get(&self, name: &str) -> Option<Id> {
        self.cached.get(name).copied()
    }

    pub(super) fn add(&mut self, name: &str, id: Id) {
        self.change(Change::Add { name: name.to_owned(), id });
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.change(Change::Remove { name: name.to_owned() });
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, id: Id) {
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), id });
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// What a power loss leaves.
    pub(super) fn after_power_loss(&self, rng: &mut StdRng) -> Entries {
        let mut entries = self.durable.clone();
        let all = self.unsynced.len();
        let (prefix, chance) = match rng.random_range(0..4) {
            0 => (0, 0.0),
            1 => (all, 0.0),
            2 => (rng.random_range(0..=all), 0.0),
            _ => (0, 0.5),
        };
        for (index, change) in self.unsynced.iter().enumerate() {
            if index < prefix || rng.random_bool(chance) {
                change.apply(&mut entries);
            }
        }
        entries
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.cached);
        self.unsynced.push(change);
    }
}

impl Change {
    fn apply(&self, entries: &mut Entries) {
        match self {
            Self::Add { name, id } => drop(entries.insert(name.clone(), *id)),
            Self::Remove { name } => drop(entries.remove(name)),
            Self::Rename { from, to, id } => {
                // Where an earlier change was lost, the name may be another file's.
                if entries.get(from) == Some(id) {
                    entries.remove(from);
                }
                entries.insert(to.clone(), *id);
            }
        }
    }
}
