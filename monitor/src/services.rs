//! The services this monitor has had messages of: `accept.services`, exactly.
//!
//! A name is admitted once, under the table's lock, by the first chunk that
//! carries it; it is listed, under the buffer's lock, in the first batch that
//! holds a message of it, so the journal names a service no later than its
//! first message. Each worker keeps a copy of what it has looked up, so the
//! lock is taken once a name and worker.
//!
//! A name admitted in a chunk that is never handed over (its client moved to a
//! newer connection, which sends it again) is held until the next start.

use std::collections::HashMap;

use parking_lot::RwLock;
use schema::ServiceName;

/// A service's number in this process, in the order of admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ServiceId(pub(crate) u32);

/// All services, shared by the workers.
#[derive(Debug)]
pub(crate) struct Services {
    table: RwLock<Table>,
    max: usize,
}

#[derive(Debug, Default)]
struct Table {
    ids: HashMap<ServiceName, ServiceId>,
    names: Vec<(ServiceName, Listed)>,
}

/// Whether a batch has named the service to the journal.
type Listed = bool;

impl Services {
    /// The services as recovered, for at most `max`.
    pub(crate) fn new(recovered: impl IntoIterator<Item = ServiceName>, max: usize) -> Self {
        let mut table = Table::default();
        for name in recovered {
            table.add(name, true);
        }
        Self { table: RwLock::new(table), max }
    }

    /// The service's number and whether it is listed; admits it if it is new.
    /// `None`: it is new and there are too many.
    pub(crate) fn admit(&self, name: &ServiceName) -> Option<(ServiceId, bool)> {
        if let Some(known) = self.table.read().find(name) {
            return Some(known);
        }
        let mut table = self.table.write();
        if let Some(known) = table.find(name) {
            return Some(known);
        }
        if table.names.len() >= self.max {
            return None;
        }
        Some((table.add(name.clone(), false), false))
    }

    /// Adds those of `fresh` that no batch has named yet to `batch`.
    pub(crate) fn list(&self, fresh: &[ServiceId], batch: &mut Vec<ServiceName>) {
        if fresh.is_empty() {
            return;
        }
        let mut table = self.table.write();
        for id in fresh {
            let (name, listed) = &mut table.names[id.0 as usize];
            if !*listed {
                *listed = true;
                batch.push(name.clone());
            }
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.read().names.len()
    }
}

impl Table {
    fn find(&self, name: &ServiceName) -> Option<(ServiceId, bool)> {
        let id = *self.ids.get(name)?;
        Some((id, self.names[id.0 as usize].1))
    }

    fn add(&mut self, name: ServiceName, listed: bool) -> ServiceId {
        let id = ServiceId(self.names.len() as u32);
        self.ids.insert(name.clone(), id);
        self.names.push((name, listed));
        id
    }
}
