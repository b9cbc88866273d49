//! Reading what never changes: through the reader's cache, if it has one.

use std::sync::Arc;

use crate::cache::{Kept, Name};
use crate::error::{Result, ViewError};
use crate::fold::{Row, Table};
use crate::held_rows::HeldRows;
use crate::input::Place;
use crate::manifest::{self, Manifest, Page, Partition};
use crate::plan::bucketed;
use crate::query::Every;
use crate::reader::Reader;
use crate::realtime_view::RealtimeView;
use crate::selection::Selection;
use crate::view_file::ViewFile;
use storage::layout::RealtimeName;

impl Reader {
    /// The newest manifest.
    pub(crate) async fn newest_manifest(&self) -> Result<Option<Arc<Manifest>>> {
        let Some(cache) = &self.cache else { return Manifest::newest(&*self.store).await };
        let known = cache.manifest.lock().clone();
        if let Some(known) = known
            && manifest::newest_number(&*self.store).await? == known.number
        {
            return Ok(Some(known));
        }
        let newest = Manifest::newest(&*self.store).await?;
        cache.manifest.lock().clone_from(&newest);
        Ok(newest)
    }

    /// The view files that a page names.
    pub(crate) async fn page(&self, page: &Page) -> Result<Arc<Vec<Partition>>> {
        let name = Name::File(page.key().to_string());
        if let Some(Kept::Page(named)) = self.kept(&name) {
            return Ok(named);
        }
        let named = Arc::new(page.read(&*self.store).await?);
        self.keep(name, || Kept::Page(Arc::clone(&named)));
        Ok(named)
    }

    /// A batch view file, open, and the one that the manifest means.
    pub(crate) async fn partition(&self, partition: &Partition) -> Result<Arc<ViewFile>> {
        let key = partition.key();
        let name = Name::File(key.to_string());
        if let Some(Kept::Batch(file)) = self.kept(&name) {
            return Ok(file);
        }
        let file = ViewFile::open(&*self.store, &key, &self.metrics).await?;
        if file.rows() != partition.rows || file.crc32c() != partition.rows_crc32c {
            return Err(ViewError::corrupt(key, "it is not the file that the manifest names"));
        }
        let file = Arc::new(file);
        self.keep(name, || Kept::Batch(Arc::clone(&file)));
        Ok(file)
    }

    /// A realtime view, open.
    pub(crate) async fn realtime(&self, place: &Place, realtime: &RealtimeName) -> Result<Arc<RealtimeView>> {
        let name = Name::File(place.to_string());
        if let Some(Kept::Realtime(view)) = self.kept(&name) {
            return Ok(view);
        }
        let view = Arc::new(RealtimeView::open(self, place, realtime).await?);
        self.keep(name, || Kept::Realtime(Arc::clone(&view)));
        Ok(view)
    }

    /// Gives the rows of `selection`, rolled up to `every` where that is cheaper, to `sink`. In any order; as for
    /// [`ViewFile::read`] otherwise.
    pub(crate) fn rows(
        &self,
        file: &ViewFile,
        selection: &Selection,
        every: Every,
        sink: &mut dyn FnMut(Row<'_>),
    ) -> Result<()> {
        if self.cache.is_none() {
            return file.read(selection, sink);
        }
        for (at, (first, last)) in file.groups().enumerate() {
            if !selection.touches(first, last) {
                continue;
            }
            // What lies inside the range whole may be rolled up before.
            let whole = selection.covers(first, last);
            let rows = self.group(file, at, if whole { every } else { Every::Minute })?;
            match whole {
                true => rows.read(&selection.of_any_minute(), &mut *sink),
                false => rows.read(selection, &mut *sink),
            }
        }
        Ok(())
    }

    /// The rows of one group, rolled up.
    fn group(&self, file: &ViewFile, at: usize, every: Every) -> Result<Arc<HeldRows>> {
        let name = Name::Rows(file.name().to_owned(), at, every);
        if let Some(Kept::Rows(rows)) = self.kept(&name) {
            return Ok(rows);
        }
        let mut table = Table::new(&self.metrics);
        file.read_group(at, &mut |row| table.merge_row(bucketed(row, every)))?;
        let rows = Arc::new(HeldRows::of(&table));
        self.keep(name, || Kept::Rows(Arc::clone(&rows)));
        Ok(rows)
    }

    fn kept(&self, name: &Name) -> Option<Kept> {
        self.cache.as_ref()?.get(name)
    }

    fn keep(&self, name: Name, kept: impl FnOnce() -> Kept) {
        if let Some(cache) = &self.cache {
            cache.keep(name, kept());
        }
    }
}
