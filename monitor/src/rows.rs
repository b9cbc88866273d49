//! How many rows the open generation's view will have: one for each service and
//! minute, counted exactly, so that it rotates by itself at `realtime.rows`.
//!
//! An hour of a service is one 64-bit word, so a generation of many messages
//! and few minutes costs next to nothing.

use hashbrown::HashMap;
use log::{LogError, Snapshot};
use schema::{Metrics, Minute, ServiceName, queue_row};
use storage::Disk;

use crate::services::{ServiceId, Services};

/// The rows of the open generation.
#[derive(Debug, Default)]
pub(crate) struct OpenRows {
    hours: HashMap<(ServiceId, u32), u64>,
    count: u64,
}

/// Bytes of queue that are counted again after a start.
const RECOUNTED: u64 = 256 << 20;

impl OpenRows {
    /// The rows of the generation that was open before this start; `None` when
    /// it is so large that counting would hold the start up: close it instead.
    pub(crate) fn recount(
        disk: &dyn Disk,
        snapshot: &Snapshot,
        metrics: &Metrics,
        services: &Services,
    ) -> Result<Option<Self>, LogError> {
        let mut rows = Self::default();
        let Some(open) = snapshot.generations.last() else { return Ok(Some(rows)) };
        if open.last.queue_len - open.first.queue_len > RECOUNTED {
            return Ok(None);
        }
        snapshot.queue_rows(disk, metrics, &open.first, &open.last, |bytes| {
            let mut queue = queue_row::Rows::new(bytes, metrics);
            // The rows were checked against the journal: they are readable.
            while let Some(Ok(row)) = queue.next() {
                let service = ServiceName::new(row.service).ok().and_then(|name| services.admit(&name));
                if let Some((service, _)) = service {
                    rows.add(service, row.time.minute());
                }
            }
            Ok::<(), LogError>(())
        })?;
        Ok(Some(rows))
    }

    /// Counts a message's row, unless it was there.
    pub(crate) fn add(&mut self, service: ServiceId, minute: Minute) {
        let word = self.hours.entry((service, minute.get() / 60)).or_default();
        let bit = 1 << (minute.get() % 60);
        self.count += u64::from(*word & bit == 0);
        *word |= bit;
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// A new generation begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
