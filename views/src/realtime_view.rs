//! Realtime views: one file for the messages of one generation between two
//! positions.
//!
//! Enters and leaves: files `<g>-<from>-<to>.parquet` (`view_file`), on this
//! machine in `realtime/`, each from its generation's start, and in the store
//! below the monitor's id and incarnation, each from its generation's start or
//! from where another ends. What must hold: a name is given once, to one
//! content; a view whose note does not agree with its name is corrupt. Of the
//! views that begin at one position the one that reaches furthest is the link
//! of the chain; what it contains is superseded.
//!
//! # Format
//! A realtime view is a view file with the note `realtime`:
//! ```text
//! {"version":1,"monitor":"east","incarnation":"<16 hex>","generation":7,"from":"31:0","to":"31:9120",
//!  "messages":64,"latest":<us>,"mark":{…}}
//! ```
//! `messages` and `latest` are of what lies between `from` and `to`; `mark` is
//! the journal's record that the rows end with (`log::JournalMark`), where a
//! refresh goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use log::{Cut, JournalMark};
use schema::{Generation, Incarnation, Metrics, Micros, MonitorId, Position};
use serde::{Deserialize, Serialize};
use storage::layout::{self, RealtimeName};
use storage::{Listed, Mode, Store};

use crate::error::{Result, ViewError};
use crate::fold::Table;
use crate::input::Place;
use crate::reader::{Local, Reader};
use crate::view_file::{self, ViewFile, Written};

/// The name of the one note.
const NOTE: &str = "realtime";

/// What a realtime view says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    pub(crate) version: u32,
    pub(crate) monitor: MonitorId,
    pub(crate) incarnation: Incarnation,
    pub(crate) generation: Generation,
    pub(crate) from: Position,
    pub(crate) to: Position,
    pub(crate) messages: u64,
    pub(crate) latest: Option<Micros>,
    pub(crate) mark: JournalMark,
}

impl Note {
    pub(crate) const VERSION: u32 = 1;

    pub(crate) fn name(&self) -> RealtimeName {
        RealtimeName { generation: self.generation, from: self.from, to: self.to }
    }

    /// The file of a view of `table` with this note.
    pub(crate) fn write(&self, metrics: &Metrics, table: &Table) -> Result<Written> {
        let note = serde_json::to_string(self).map_err(|why| ViewError::corrupt(self.name(), why))?;
        view_file::write(metrics, table, &[(NOTE, note)])
    }
}

/// An open realtime view.
#[derive(Debug)]
pub(crate) struct RealtimeView {
    pub(crate) note: Note,
    pub(crate) file: ViewFile,
    place: Place,
}

impl RealtimeView {
    pub(crate) async fn open(reader: &Reader, place: &Place, name: &RealtimeName) -> Result<Self> {
        let file = match place {
            Place::Stored(key) => ViewFile::open(&*reader.store, key, &reader.metrics).await?,
            Place::Local(_) => ViewFile::of_bytes(place, read(reader, place).await?, &reader.metrics)?,
        };
        let corrupt = |why: &str| ViewError::corrupt(place, why);
        let note = file.note(NOTE).ok_or_else(|| corrupt("it says nothing of itself"))?;
        let note: Note = serde_json::from_str(note).map_err(|why| ViewError::corrupt(place, why))?;
        if note.version != Note::VERSION || note.name() != *name {
            return Err(corrupt("it is another view than its name says"));
        }
        Ok(RealtimeView { note, file, place: place.clone() })
    }

    pub(crate) fn name(&self) -> String {
        self.place.to_string()
    }

    /// The file as it lies there.
    pub(crate) async fn bytes(&self, reader: &Reader) -> Result<Bytes> {
        read(reader, &self.place).await
    }
}

async fn read(reader: &Reader, place: &Place) -> Result<Bytes> {
    match (place, &reader.local) {
        (Place::Stored(key), _) => Ok(reader.store.read(key).await?),
        (Place::Local(path), Some(local)) => local.read(path),
        (Place::Local(path), None) => Err(ViewError::missing(path.display())),
    }
}

/// The realtime views of one monitor, by generation, then by how far they reach.
#[derive(Debug, Default)]
pub(crate) struct Listing(BTreeMap<RealtimeName, Place>);

impl Listing {
    /// Those on this machine.
    pub(crate) fn local(local: &Local) -> Result<Self> {
        let folder = local.folder.realtime_views();
        let entries = match local.disk.list(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            entries => entries.map_err(|source| ViewError::io("list", folder, source))?,
        };
        let names = entries.iter().filter_map(|entry| RealtimeName::parse(&entry.name));
        Ok(Listing(names.map(|name| (name, Place::Local(local.folder.realtime_view(&name)))).collect()))
    }

    /// Those in the store.
    pub(crate) async fn stored(store: &dyn Store, monitor: &MonitorId) -> Result<Self> {
        Ok(Listing::of(store.list(&layout::realtime_of_monitor(monitor)).await?))
    }

    /// Those among files of the store.
    pub(crate) fn of(listed: Vec<Listed>) -> Self {
        let named = |key: &storage::Key| RealtimeName::parse(key.name());
        let views = listed.into_iter().filter_map(|file| Some((named(&file.key)?, Place::Stored(file.key))));
        Listing(views.collect())
    }

    /// Every view, by generation, start and end.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&RealtimeName, &Place)> {
        self.0.iter()
    }

    /// The view of `generation` from `from` that reaches furthest, up to `end`.
    pub(crate) async fn furthest(
        &self,
        reader: &Reader,
        generation: Generation,
        from: Position,
        end: Position,
        avoid: &BTreeSet<String>,
    ) -> Result<Option<Arc<RealtimeView>>> {
        match self.link(generation, from, end, avoid) {
            Some((name, place)) => reader.realtime(place, name).await.map(Some),
            None => Ok(None),
        }
    }

    /// The views that lead from `from` to `cut`, the end of their generation;
    /// none if they do not reach it, or if `from` is not known.
    pub(crate) async fn up_to(
        &self,
        reader: &Reader,
        cut: &Cut,
        from: Option<Position>,
        avoid: &BTreeSet<String>,
    ) -> Result<Vec<Arc<RealtimeView>>> {
        let Some(from) = from else { return Ok(Vec::new()) };
        let links = self.links(cut.generation, from, cut.position, avoid);
        let mut views = Vec::with_capacity(links.len());
        if links.last().is_some_and(|(name, _)| name.to == cut.position) {
            for (name, place) in links {
                views.push(reader.realtime(place, name).await?);
            }
        }
        Ok(views)
    }

    /// The view that reaches furthest of those that go on at `at`, in its
    /// generation or with the next; without `at`, of those that begin with the
    /// monitor's first message.
    pub(crate) async fn going_on(
        &self,
        reader: &Reader,
        at: Option<(Generation, Position)>,
        avoid: &BTreeSet<String>,
    ) -> Result<Option<Arc<RealtimeView>>> {
        let Some((generation, from)) = at else { return self.beginning(reader, avoid).await };
        match self.furthest(reader, generation, from, LAST, avoid).await? {
            None => self.furthest(reader, generation.next(), from, LAST, avoid).await,
            found => Ok(found),
        }
    }

    /// The chain of one generation from `from` on, as far as it leads, but not
    /// beyond `end`.
    pub(crate) fn links(
        &self,
        generation: Generation,
        from: Position,
        end: Position,
        avoid: &BTreeSet<String>,
    ) -> Vec<(&RealtimeName, &Place)> {
        let link = |from| self.link(generation, from, end, avoid);
        std::iter::successors(link(from), |(name, _)| link(name.to)).collect()
    }

    fn link(
        &self,
        generation: Generation,
        from: Position,
        end: Position,
        avoid: &BTreeSet<String>,
    ) -> Option<(&RealtimeName, &Place)> {
        if end <= from {
            return None;
        }
        let name = |to| RealtimeName { generation, from, to };
        // A view that ends where it begins leads nowhere.
        let onward = (Bound::Excluded(name(from)), Bound::Included(name(end)));
        self.0.range(onward).rfind(|(_, place)| !avoid.contains(&place.to_string()))
    }

    async fn beginning(&self, reader: &Reader, avoid: &BTreeSet<String>) -> Result<Option<Arc<RealtimeView>>> {
        let Some(first) = self.0.keys().next() else { return Ok(None) };
        let view = self.furthest(reader, first.generation, first.from, LAST, avoid).await?;
        match view {
            Some(view) if view.note.messages == view.note.mark.messages => Ok(Some(view)),
            Some(view) => {
                Err(ViewError::missing(format!("what {} wrote before {}", view.note.monitor, view.note.from)))
            }
            None => Ok(None),
        }
    }
}

/// Beyond every position.
pub(crate) const LAST: Position = Position::new(u64::MAX, u64::MAX);

impl Local {
    /// A whole file of this machine.
    pub(crate) fn read(&self, path: &std::path::Path) -> Result<Bytes> {
        let read = || {
            let file = self.disk.open(path, Mode::Read)?;
            let mut bytes = vec![0; file.len()? as usize];
            file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes.into())
        };
        read().map_err(|source| ViewError::io("read", path, source))
    }
}
