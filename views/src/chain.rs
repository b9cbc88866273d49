//! The chain of one monitor: what lies above the manifest's cut, link by link.
//!
//! Enters: the position that the batch ends at. Leaves: links that go on from
//! there, generation by generation:
//! - on the monitor's own machine the realtime view that reaches furthest and,
//!   behind it, the log itself up to the journal's last valid record;
//! - elsewhere, for a generation with a published cut, the views that lead to
//!   it or else its closed dated files; and then the views that lead furthest
//!   into the open generation, which is as far as the store shows.
//!
//! What must hold: each link begins exactly where the one before ended. A gap
//! is an error that names what is missing; nothing is skipped.

use std::collections::BTreeSet;
use std::sync::Arc;

use log::{Cut, GenerationLog, LogSlice, Sealed};
use schema::{Generation, Incarnation, Micros, MonitorId, Position, Source};
use storage::layout;
use tokio::sync::OnceCell;

use crate::coverage::MonitorCoverage;
use crate::cuts;
use crate::error::{Result, ViewError};
use crate::extents;
use crate::followed::Followed;
use crate::held_rows::HeldRows;
use crate::input::{Expected, Input, Place};
use crate::manifest::{CoveredMonitor, Manifest};
use crate::own::Own;
use crate::reader::Reader;
use crate::realtime_view::{Listing, RealtimeView};
use crate::tail::Stretch;

/// What one monitor wrote above the manifest's cut, as far as can be seen.
#[derive(Debug)]
pub(crate) struct Chain {
    monitor: MonitorId,
    incarnation: Incarnation,
    batch: Option<CoveredMonitor>,
    generation: Generation,
    to: Position,
    messages: u64,
    latest: Option<Micros>,
    pub(crate) links: Vec<Link>,
}

/// One part of a chain.
#[derive(Debug)]
pub(crate) enum Link {
    /// A realtime view.
    View(Arc<RealtimeView>),
    /// Rows that no view holds yet.
    Rows(Arc<HeldRows>),
    /// Lines that no usable view holds.
    Lines(Vec<Stretch>),
}

impl Chain {
    /// What the links cover; with `batch`, together with the batch below them.
    pub(crate) fn coverage(&self, batch: bool) -> MonitorCoverage {
        let below = self.batch.as_ref().filter(|_| batch);
        MonitorCoverage {
            monitor: self.monitor.clone(),
            incarnation: self.incarnation,
            generation: self.generation,
            from: self.batch.as_ref().filter(|_| !batch).map(|batch| batch.position),
            to: self.to,
            messages: self.messages + below.map_or(0, |batch| batch.messages),
            latest: self.latest.max(below.and_then(|batch| batch.latest)),
        }
    }
}

/// The chains of every monitor that the store or this machine knows, by id; and those of whom nothing can be seen.
pub(crate) async fn all(
    reader: &Reader,
    manifest: Option<&Manifest>,
    avoid: &BTreeSet<String>,
) -> Result<(Vec<Chain>, Vec<MonitorId>)> {
    let own = Own::read(reader, avoid).await?;
    let claimed = reader.store.list_folders(&layout::monitors()).await?;
    let mut monitors: BTreeSet<MonitorId> = claimed.iter().filter_map(|folder| MonitorId::new(folder).ok()).collect();
    monitors.extend(manifest.iter().flat_map(|manifest| &manifest.monitors).map(|covered| covered.monitor.clone()));
    monitors.extend(own.iter().map(|own| own.log.id.clone()));

    let (mut chains, mut unseen) = (Vec::new(), Vec::new());
    for monitor in monitors {
        let mut builder = Builder::above(reader, avoid, manifest.and_then(|manifest| manifest.monitor(&monitor)));
        match own.as_ref().filter(|own| own.log.id == monitor) {
            Some(own) => builder.own(&monitor, own).await?,
            None => builder.others(&monitor).await?,
        }
        match builder.finish(&monitor) {
            Some(chain) => chains.push(chain),
            None => unseen.push(monitor),
        }
    }
    Ok((chains, unseen))
}

/// Puts one chain together, generation by generation.
struct Builder<'a> {
    reader: &'a Reader,
    avoid: &'a BTreeSet<String>,
    batch: Option<&'a CoveredMonitor>,
    incarnation: Option<Incarnation>,
    /// The last generation that was reached, and how far.
    at: Option<(Generation, Position)>,
    links: Vec<Link>,
    messages: u64,
    latest: Option<Micros>,
}

impl<'a> Builder<'a> {
    fn above(reader: &'a Reader, avoid: &'a BTreeSet<String>, batch: Option<&'a CoveredMonitor>) -> Self {
        Builder {
            reader,
            avoid,
            batch,
            incarnation: batch.map(|batch| batch.incarnation),
            at: batch.map(|batch| (batch.generation, batch.position)),
            links: Vec::new(),
            messages: 0,
            latest: None,
        }
    }

    fn finish(self, monitor: &MonitorId) -> Option<Chain> {
        let (generation, to) = self.at?;
        Some(Chain {
            monitor: monitor.clone(),
            incarnation: self.incarnation?,
            batch: self.batch.cloned(),
            generation,
            to,
            messages: self.messages,
            latest: self.latest,
            links: self.links,
        })
    }

    /// This machine's own monitor: what the log no longer has by its cuts, then the log.
    async fn own(&mut self, monitor: &MonitorId, own: &Own) -> Result<()> {
        if !self.joins(own) {
            let covered = self.batch.map(|batch| batch.generation);
            let cuts = cuts::after(&*self.reader.store, &Source::Monitor(monitor.clone()), covered).await?;
            let first = own.log.generations.first().map(|log| log.generation);
            let older = cuts.into_iter().filter(|cut| first.is_none_or(|first| cut.generation < first));
            let views = Listing::stored(&*self.reader.store, monitor).await?;
            self.closed(older.collect(), &views).await?;
            if !self.joins(own) {
                return Err(self.does_not_join(monitor, own).await?);
            }
        }
        self.incarnation = Some(own.log.incarnation);
        let reached = self.at.map(|(generation, _)| generation);
        for log in own.log.generations.iter().filter(|log| Some(log.generation) > reached) {
            self.own_generation(own, log).await?;
        }
        Ok(())
    }

    /// Whether the log on this machine goes on where the chain ends. One that begins anew, in another life of the
    /// monitor, does so with the next generation: what an earlier life wrote below that is not in it.
    fn joins(&self, own: &Own) -> bool {
        let Some(first) = own.log.generations.first() else { return false };
        let next = self.at.map_or(cuts::FIRST, |(generation, _)| generation.next());
        let begins = first.first.commit == 0 && first.generation == next;
        match (self.at, self.incarnation) {
            (None, _) => begins,
            (Some(_), Some(incarnation)) if incarnation != own.log.incarnation => begins,
            (Some((_, at)), _) => own.log.generations.iter().any(|log| log.start == at) || own.log.durable == at,
        }
    }

    /// Why the log on this machine does not go on where the chain ends.
    async fn does_not_join(&self, monitor: &MonitorId, own: &Own) -> Result<ViewError> {
        if let Some(journal) = &own.log.damaged {
            return Ok(journal.refusal().into());
        }
        let source = Source::Monitor(monitor.clone());
        for log in &own.log.generations {
            let cut = cuts::read(&*self.reader.store, &source, log.generation).await?;
            if cut.is_some_and(|cut| cut.sealed && cut.incarnation == Some(own.log.incarnation)) {
                return Ok(ViewError::Sealed { monitor: monitor.clone() });
            }
        }
        Ok(ViewError::missing(format!("what {monitor} wrote between its batch view and its log")))
    }

    async fn own_generation(&mut self, own: &Own, log: &GenerationLog) -> Result<()> {
        let end = log.closed.as_ref().map_or(log.last.position, |closed| closed.cut);
        let view = own.views.furthest(self.reader, log.generation, log.start, end, self.avoid).await?;
        let (from, mark) = view.as_ref().map_or((log.start, log.first), |view| (view.note.to, view.note.mark));
        let base = view.as_ref().map(|view| view.note.name());
        if let Some(view) = view {
            self.take(view);
        }
        if self.reader.cache.is_some() && log.closed.is_none() {
            let followed = Followed::on(self.reader, own, log, base, from).await?;
            self.links.push(Link::Rows(Arc::clone(&followed.rows)));
            self.latest = self.latest.max(followed.latest);
            followed.keep(self.reader);
        } else {
            let slices = own.log.slices(from..end)?;
            if !slices.is_empty() {
                self.links.push(Link::Lines(slices.iter().map(slice).collect()));
            }
        }
        self.messages += log.last.messages - mark.messages;
        self.latest = self.latest.max(log.latest);
        self.at = Some((log.generation, end));
        Ok(())
    }

    /// Another machine's monitor: by its cuts, then the view of what is open.
    async fn others(&mut self, monitor: &MonitorId) -> Result<()> {
        let source = Source::Monitor(monitor.clone());
        let views = Listing::stored(&*self.reader.store, monitor).await?;
        let covered = self.batch.map(|batch| batch.generation);
        self.closed(cuts::after(&*self.reader.store, &source, covered).await?, &views).await?;
        self.open(monitor, &views).await
    }

    /// Closed generations, oldest first.
    async fn closed(&mut self, cuts: Vec<Cut>, views: &Listing) -> Result<()> {
        for cut in cuts {
            self.incarnation = cut.incarnation.or(self.incarnation);
            let from = self.at.map(|(_, at)| at);
            let views = views.up_to(self.reader, &cut, from, self.avoid).await?;
            if views.is_empty() {
                self.links.push(Link::Lines(cut.files.iter().map(dated).collect()));
                self.messages += cut.messages();
                self.latest = self.latest.max(cut.times().map(|(_, greatest)| greatest));
            }
            views.into_iter().for_each(|view| self.take(view));
            self.at = Some((cut.generation, cut.position));
        }
        Ok(())
    }

    /// The views that go on from here, each from the end of the one before.
    async fn open(&mut self, monitor: &MonitorId, views: &Listing) -> Result<()> {
        let readable = OnceCell::new();
        while let Some(view) = views.going_on(self.reader, self.at, self.avoid).await? {
            let note = &view.note;
            let asked = || extents::readable(self.reader, monitor);
            if self.reader.lines && *readable.get_or_try_init(asked).await? < note.to {
                tracing::warn!(%monitor, "what it writes now can be read once it has closed the file, at its next rotation");
                break;
            }
            self.at = Some((note.generation, note.to));
            self.incarnation = Some(note.incarnation);
            self.take(view);
        }
        Ok(())
    }

    fn take(&mut self, view: Arc<RealtimeView>) {
        self.messages += view.note.messages;
        self.latest = self.latest.max(view.note.latest);
        self.links.push(Link::View(view));
    }
}

/// Lines of this machine's log.
pub(crate) fn slice(slice: &LogSlice) -> Stretch {
    let input = Input { place: Place::Local(slice.path.clone()), range: slice.bytes.clone(), expected: None };
    Stretch { input, sealed: slice.sealed.clone() }
}

fn dated(file: &log::DatedFile) -> Stretch {
    let expected = Expected::of(file);
    let input = Input { place: Place::Stored(file.key.clone()), range: 0..file.length, expected: Some(expected) };
    Stretch { input, sealed: Sealed { bytes: 0..file.length, crc32c: file.crc32c } }
}
