//! What of the previous build goes into the next one: pages carried over by
//! reference, and the partitions of those that are opened.
//!
//! Enters: the previous manifest, the periods counted again. Leaves: previous
//! partitions to merge with, and in the end the new build's pages. What must
//! hold: a page is read only if its period changes; one that cannot be read is
//! damage, and its period is counted again.

use std::collections::{BTreeMap, BTreeSet};

use schema::{Month, ServiceName};
use storage::Store;
use tokio::runtime::Handle;

use crate::error::Result;
use crate::manifest::{Manifest, Page, Partition};
use crate::period::Period;

/// Previous partitions of one period, by service; several where days grew into a month.
type Open = BTreeMap<ServiceName, Vec<Partition>>;

/// The previous build, as far as it still counts.
pub(super) struct Carried<'a> {
    store: &'a dyn Store,
    handle: &'a Handle,
    /// Pages not opened, by the period they belong to now.
    pages: BTreeMap<Period, Vec<&'a Page>>,
    open: BTreeMap<Period, Open>,
    /// Periods of pages that cannot be read.
    damaged: BTreeSet<Period>,
}

impl<'a> Carried<'a> {
    /// All of `previous` but the periods in `again`, as of the month `current`.
    pub(super) fn new(
        store: &'a dyn Store,
        handle: &'a Handle,
        previous: Option<&'a Manifest>,
        again: &[Period],
        current: Month,
    ) -> Self {
        let mut pages: BTreeMap<Period, Vec<&Page>> = BTreeMap::new();
        for page in previous.into_iter().flat_map(|previous| &previous.pages) {
            pages.entry(page.period.at(current)).or_default().push(page);
        }
        again.iter().for_each(|period| drop(pages.remove(period)));
        Carried { store, handle, pages, open: BTreeMap::new(), damaged: BTreeSet::new() }
    }

    /// The previous files of a partition that is to be written anew; they are carried over no more.
    pub(super) fn take(&mut self, service: &ServiceName, period: Period) -> Result<Vec<Partition>> {
        if !self.open.contains_key(&period) {
            let open = self.read(period)?;
            self.open.insert(period, open);
        }
        Ok(self.open.get_mut(&period).and_then(|open| open.remove(service)).unwrap_or_default())
    }

    /// Takes what is left of periods that are new as such: days that have become a month.
    pub(super) fn take_moved(&mut self) -> Result<Vec<(ServiceName, Period, Vec<Partition>)>> {
        let stays = |period: Period, pages: &[&Page]| matches!(pages, [only] if only.period == period);
        let periods: Vec<Period> =
            self.pages.iter().filter(|(period, pages)| !stays(**period, pages)).map(|(period, _)| *period).collect();
        for period in periods {
            let open = self.read(period)?;
            self.open.insert(period, open);
        }
        let mut moved = Vec::new();
        for (&period, open) in &mut self.open {
            let (stay, go): (Open, Open) = std::mem::take(open)
                .into_iter()
                .partition(|(_, files)| matches!(&files[..], [only] if only.period == period));
            *open = stay;
            moved.extend(go.into_iter().map(|(service, files)| (service, period, files)));
        }
        Ok(moved)
    }

    /// The pages carried over, the partitions of each page to be written, and what is damaged.
    pub(super) fn finish(
        self,
        written: Vec<Partition>,
    ) -> (Vec<Page>, BTreeMap<Period, Vec<Partition>>, BTreeSet<Period>) {
        let mut changed: BTreeMap<Period, Vec<Partition>> = BTreeMap::new();
        for (period, open) in self.open {
            changed.entry(period).or_default().extend(open.into_values().flatten());
        }
        for partition in written {
            changed.entry(partition.period).or_default().push(partition);
        }
        changed.retain(|_, partitions| !partitions.is_empty());
        changed.values_mut().for_each(|partitions| partitions.sort_by(|a, b| a.service.cmp(&b.service)));
        (self.pages.into_values().flatten().cloned().collect(), changed, self.damaged)
    }

    fn read(&mut self, period: Period) -> Result<Open> {
        let mut open = Open::new();
        for page in self.pages.remove(&period).unwrap_or_default() {
            let Some(partitions) = self.handle.block_on(page.read_intact(self.store))? else {
                self.damaged.insert(period);
                continue;
            };
            for partition in partitions {
                open.entry(partition.service.clone()).or_default().push(partition);
            }
        }
        Ok(open)
    }
}
