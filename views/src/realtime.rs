//! Refresh: the realtime views of this machine's own monitor.
//!
//! Enters: the journal, the queue and the views that are here. Leaves: for each
//! generation above the manifest's cut a view of all of it up to the journal's
//! last record, on this machine at once; and in the store, when the bytes are
//! uploaded, views that together show the same (`publish`). The monitor retires
//! what is superseded.
//!
//! What must hold: everything needed is in the files, nothing in this process,
//! so any of them may be lost or damaged: a view is built on the one before or
//! else from the whole queue, and a queue that does not fit the journal is
//! derived from the log (`Snapshot::queue_rows`). The final view of a closed
//! generation reaches its cut. The store may be away: views are then written
//! here all the same.
//!
//! A refresh computes and writes without giving way to other tasks; where
//! messages are received in the same process it belongs on a thread of its own.

mod publish;

use std::collections::{BTreeMap, BTreeSet};

use log::{GenerationLog, JournalMark};
use schema::queue_row::Rows;
use schema::{Generation, MonitorId, Position};
use storage::publish_new;

use crate::error::{Result, ViewError};
use crate::fold::Table;
use crate::manifest::{self, CoveredMonitor, Manifest};
use crate::own::Own;
use crate::reader::{Local, Reader};
use crate::realtime_view::{Note, RealtimeView};
use crate::selection::Selection;

/// Refreshes the realtime views of one monitor.
#[derive(Debug)]
pub struct Refresher {
    reader: Reader,
    /// The newest manifest seen, and what it covers of this monitor.
    covered: (u64, Option<CoveredMonitor>),
    /// Up to where the store is known to show a generation.
    shown: BTreeMap<Generation, Position>,
}

/// What a refresh came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// The open generation.
    pub generation: Generation,
    /// Up to where its view reaches.
    pub to: Position,
    /// How many rows that view holds; past `realtime.rows` it is time to rotate.
    pub rows: u64,
    /// How many views were written.
    pub written: usize,
}

impl Refresher {
    /// A refresher for the monitor whose data folder `reader` has.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Refresher { reader, covered: (0, None), shown: BTreeMap::new() }
    }

    /// Brings every view on this machine up to the journal; none before the
    /// monitor's first start.
    ///
    /// # Errors
    /// What reading the log or writing a view gives. A damaged view is removed
    /// and built anew, a store that is away is no error.
    pub async fn refresh(&mut self) -> Result<Option<Refreshed>> {
        let Some(local) = self.reader.local.clone() else { return Ok(None) };
        loop {
            match self.bring_up_all(&local).await {
                Err(ViewError::Corrupt { name, why }) => discard(&local, &name, &why)?,
                done => return done,
            }
        }
    }
}

impl Refresher {
    async fn bring_up_all(&mut self, local: &Local) -> Result<Option<Refreshed>> {
        let Some(own) = Own::read(&self.reader, &BTreeSet::new()).await? else { return Ok(None) };
        self.look_for_manifest(&own.log.id).await;
        let covered = self.covered_generation();
        let mut refreshed = None;
        let mut written = 0;
        for log in own.log.generations.iter().filter(|log| Some(log.generation) > covered) {
            let (to, rows, wrote) = self.bring_up(local, &own, log).await?;
            written += usize::from(wrote);
            refreshed = Some(Refreshed { generation: log.generation, to, rows, written });
        }
        Ok(refreshed)
    }

    /// Builds on the view that reaches furthest, unless it reaches far enough.
    async fn bring_up(&self, local: &Local, own: &Own, log: &GenerationLog) -> Result<(Position, u64, bool)> {
        let end = end_of(log);
        let base = own.views.furthest(&self.reader, log.generation, log.start, end, &BTreeSet::new()).await?;
        if let Some(base) = base.as_ref().filter(|base| base.note.to == end) {
            return Ok((end, base.file.rows(), false));
        }
        if end == log.start {
            return Ok((end, 0, false));
        }
        let (note, table) = self.fold(local, own, log, base.as_deref())?;
        let written = note.write(&self.reader.metrics, &table)?;
        let path = local.folder.realtime_view(&note.name());
        let published = publish_new(&*local.disk, &path, &written.bytes);
        published.map_err(|source| ViewError::io("publish", &path, source))?;
        Ok((end, written.rows, true))
    }

    /// The rows of `base` and of the queue since.
    fn fold(
        &self,
        local: &Local,
        own: &Own,
        log: &GenerationLog,
        base: Option<&RealtimeView>,
    ) -> Result<(Note, Table)> {
        let mut table = Table::new(&self.reader.metrics);
        let mut note = Note {
            version: Note::VERSION,
            monitor: own.log.id.clone(),
            incarnation: own.log.incarnation,
            generation: log.generation,
            from: log.start,
            to: end_of(log),
            messages: 0,
            latest: None,
            mark: log.first,
        };
        if let Some(base) = base {
            take_in(base, &mut note, &mut table)?;
            note.mark = base.note.mark;
        }
        self.add_queued(local, own, &log.last, &mut note, &mut table)?;
        Ok((note, table))
    }

    /// Adds the queue's rows from the note's mark on, up to `end`, which becomes its mark.
    fn add_queued(
        &self,
        local: &Local,
        own: &Own,
        end: &JournalMark,
        note: &mut Note,
        table: &mut Table,
    ) -> Result<()> {
        let metrics = &self.reader.metrics;
        let from = std::mem::replace(&mut note.mark, *end);
        own.log.queue_rows(&*local.disk, metrics, &from, end, |bytes| -> Result<()> {
            let mut rows = Rows::new(bytes, metrics);
            while let Some(row) = rows.next() {
                let message = row.map_err(|why| ViewError::Queue { generation: end.generation, why })?;
                table.add(message.service, message.time, message.values);
                note.messages += 1;
                note.latest = note.latest.max(Some(message.time));
            }
            Ok(())
        })
    }

    /// Looks which generations the batch has taken over; without the store, as before.
    async fn look_for_manifest(&mut self, id: &MonitorId) {
        let store = &*self.reader.store;
        let found = async {
            let number = manifest::newest_number(store).await?;
            Ok::<_, ViewError>(if number == self.covered.0 { None } else { Manifest::newest(store).await? })
        };
        match found.await {
            Ok(Some(manifest)) => {
                self.covered = (manifest.number, manifest.monitor(id).cloned());
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "newest manifest not seen"),
        }
    }

    /// The last generation that the batch has taken over.
    fn covered_generation(&self) -> Option<Generation> {
        self.covered.1.as_ref().map(|covered| covered.generation)
    }
}

/// Up to where a generation's view can reach.
fn end_of(log: &GenerationLog) -> Position {
    log.closed.as_ref().map_or(log.last.position, |closed| closed.cut)
}

/// Adds what `view` holds.
fn take_in(view: &RealtimeView, note: &mut Note, table: &mut Table) -> Result<()> {
    view.file.read(&Selection::everything(), &mut |row| table.merge_row(row))?;
    note.messages += view.note.messages;
    note.latest = note.latest.max(view.note.latest);
    Ok(())
}

/// Removes a damaged view of this machine, so that it is built anew.
fn discard(local: &Local, name: &str, why: &str) -> Result<()> {
    let folder = local.folder.realtime_views();
    let path = std::path::Path::new(name);
    if path.parent() != Some(&folder) {
        return Err(ViewError::corrupt(name, why));
    }
    tracing::warn!(name, why, "realtime view damaged, building it anew");
    local.disk.remove(path).map_err(|source| ViewError::io("remove", path, source))
}
