//! What a build has to do: which dated files are new, what must be counted
//! again, and what will be covered afterwards.
//!
//! Enters: the manifest built from (none for `--full`), the cuts published
//! since, and periods whose view files are damaged. Leaves: files to fold.
//!
//! What must hold: every file that counts is in `fresh`, or in the manifest
//! built from and outside `again`, or touches `again` and is in `sources`; so
//! previous content outside `again`, plus `fresh`, plus the rows of `sources`
//! within `again` is exactly the content at the cuts.

use std::collections::BTreeMap;

use log::{Cut, DatedFile};
use schema::{Generation, ImportHash, Micros, Minute, MonitorId, Source};
use storage::Store;

use crate::cuts;
use crate::error::{Result, ViewError};
use crate::manifest::{CoveredImport, CoveredMonitor, Manifest};
use crate::period::Period;
use crate::selection::Selection;

/// The work of one build.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Whether there is a new cut at all, be it an empty one.
    pub(crate) news: bool,
    /// The latest tick covered afterwards.
    pub(crate) latest_tick: Micros,
    pub(crate) monitors: BTreeMap<MonitorId, CoveredMonitor>,
    pub(crate) imports: BTreeMap<ImportHash, CoveredImport>,
    /// Files that the manifest built from does not cover: all their rows count.
    pub(crate) fresh: Vec<DatedFile>,
    /// Periods whose previous content is dropped.
    pub(crate) again: Vec<Period>,
    /// Files covered before whose rows within `again` count.
    pub(crate) sources: Vec<DatedFile>,
}

impl Changes {
    /// What to do after `previous`; everything without it.
    ///
    /// # Errors
    /// The store's, and `Cut` naming one that is refused.
    pub(crate) async fn since(store: &dyn Store, previous: Option<&Manifest>, damaged: &[Period]) -> Result<Self> {
        let mut changes = Changes::default();
        if let Some(previous) = previous {
            changes.latest_tick = previous.latest_tick;
            changes.monitors =
                previous.monitors.iter().map(|covered| (covered.monitor.clone(), covered.clone())).collect();
            changes.imports = previous.imports.iter().map(|covered| (covered.import, covered.clone())).collect();
        }
        let mut withdrawn = Vec::new();
        for source in cuts::sources(store).await? {
            match &source {
                Source::Monitor(monitor) => changes.follow_monitor(store, monitor, &source).await?,
                Source::Import(import) => changes.follow_import(store, *import, &source, &mut withdrawn).await?,
            }
        }
        changes.count_again(&withdrawn, damaged);
        if let Some(previous) = previous
            && !changes.again.is_empty()
        {
            changes.find_sources(store, previous).await?;
        }
        Ok(changes)
    }

    /// Checks that nothing `newest` covers is left out: a cut that is gone must not take messages away.
    ///
    /// # Errors
    /// `Cut` naming the one that is missing.
    pub(crate) fn reach(&self, newest: &Manifest) -> Result<()> {
        let monitors = newest.monitors.iter().map(|covered| {
            let now = self.monitors.get(&covered.monitor).map(|now| now.generation);
            (Source::Monitor(covered.monitor.clone()), covered.generation, now)
        });
        let imports = newest.imports.iter().map(|covered| {
            let now = self.imports.get(&covered.import).map(|now| now.cut);
            (Source::Import(covered.import), covered.cut, now)
        });
        for (source, covered, now) in monitors.chain(imports) {
            if now.is_none_or(|now| now < covered) {
                return Err(cuts::missing(&source, now.map_or(cuts::first(&source), Generation::next)));
            }
        }
        Ok(())
    }

    /// Rows that count of the files in `sources`.
    pub(crate) fn within_again(&self) -> Selection {
        Selection::within(self.again.iter().map(|period| period.minutes()))
    }

    async fn follow_monitor(&mut self, store: &dyn Store, monitor: &MonitorId, source: &Source) -> Result<()> {
        let covered = self.monitors.get(monitor).map(|covered| covered.generation);
        let cuts = cuts::after(store, source, covered).await?;
        for cut in cuts {
            let incarnation = cut.incarnation.ok_or_else(|| ViewError::cut(cut.key(), "it has no incarnation"))?;
            let before = self.monitors.remove(monitor);
            let (messages, latest) = before.map_or((0, None), |before| (before.messages, before.latest));
            self.monitors.insert(
                monitor.clone(),
                CoveredMonitor {
                    monitor: monitor.clone(),
                    incarnation,
                    generation: cut.generation,
                    position: cut.position,
                    messages: messages + count(&cut.files),
                    latest: latest.max(greatest(&cut.files)),
                },
            );
            self.saw(cut.tick);
            self.fresh.extend(cut.files);
        }
        Ok(())
    }

    /// Even cuts add the import's files, odd ones withdraw them: only what
    /// stands at the end differs from what stood before.
    async fn follow_import(
        &mut self,
        store: &dyn Store,
        import: ImportHash,
        source: &Source,
        withdrawn: &mut Vec<DatedFile>,
    ) -> Result<()> {
        let covered = self.imports.get(&import).map(|covered| covered.cut);
        let cuts = cuts::after(store, source, covered).await?;
        let Some(last) = cuts.last().map(|cut| cut.generation) else { return Ok(()) };
        cuts.iter().for_each(|cut| self.saw(cut.tick));

        if let Some(cut) = covered.filter(|&cut| adds(cut)) {
            withdrawn.extend(cuts::covered(store, source, cut).await?.files);
        }
        let files = cuts.into_iter().last().filter(|cut| !cut.withdrawn).map(|cut| cut.files).unwrap_or_default();
        let (messages, latest) = (count(&files), greatest(&files));
        self.imports.insert(import, CoveredImport { import, cut: last, messages, latest });
        self.fresh.extend(files);
        Ok(())
    }

    fn saw(&mut self, tick: Micros) {
        self.news = true;
        self.latest_tick = self.latest_tick.max(tick);
    }

    /// Everything that a withdrawn file may have put rows into, and what is damaged.
    fn count_again(&mut self, withdrawn: &[DatedFile], damaged: &[Period]) {
        let current = self.latest_tick.date().month();
        let mut again: Vec<Period> = damaged.iter().map(|period| period.at(current)).collect();
        for (least, greatest) in withdrawn.iter().filter_map(minutes) {
            let mut next = Some(least);
            while let Some(minute) = next.filter(|&minute| minute <= greatest) {
                let period = Period::of(minute, current);
                again.push(period);
                next = Minute::new(period.minutes().end().get() + 1);
            }
        }
        again.sort_unstable();
        again.dedup();
        self.again = again;
    }

    /// The files that counted before, still do, and touch `again`.
    async fn find_sources(&mut self, store: &dyn Store, previous: &Manifest) -> Result<()> {
        let mut cuts: Vec<Cut> = Vec::new();
        for covered in &previous.monitors {
            let source = Source::Monitor(covered.monitor.clone());
            cuts.extend(cuts::up_to(store, &source, covered.generation).await?);
        }
        for covered in previous.imports.iter().filter(|covered| adds(covered.cut)) {
            if self.imports.get(&covered.import).is_some_and(|now| now.cut == covered.cut) {
                cuts.push(cuts::covered(store, &Source::Import(covered.import), covered.cut).await?);
            }
        }
        let again = self.within_again();
        let touches = |file: &DatedFile| minutes(file).is_some_and(|(least, greatest)| again.touches(least, greatest));
        self.sources = cuts.into_iter().flat_map(|cut| cut.files).filter(touches).collect();
        Ok(())
    }
}

/// Whether an import's cut adds its files; the others withdraw them.
fn adds(cut: Generation) -> bool {
    cut.get().is_multiple_of(2)
}

fn count(files: &[DatedFile]) -> u64 {
    files.iter().map(|file| file.messages).sum()
}

fn greatest(files: &[DatedFile]) -> Option<Micros> {
    files.iter().filter(|file| file.messages > 0).map(|file| file.greatest).max()
}

fn minutes(file: &DatedFile) -> Option<(Minute, Minute)> {
    (file.messages > 0).then(|| (file.least.minute(), file.greatest.minute()))
}
