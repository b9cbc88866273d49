//! Reads view files: the footer at once, row groups when asked, every row checked.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetStatisticsPolicy;
use schema::{Metrics, Minute};
use storage::{Key, Store};

use super::columns::{self, Columns};
use super::exact::{Exact, Names};
use super::footer::{Footer, Group};
use super::source::{Source, Window};
use crate::error::{Result, ViewError};
use crate::fold::Row;
use crate::row_bytes;
use crate::selection::Selection;

/// An open view file: its footer is read and checked, its rows are not.
#[derive(Debug)]
pub struct ViewFile {
    name: String,
    source: Source,
    footer: Footer,
    parquet: ArrowReaderMetadata,
    columns: Columns,
}

impl ViewFile {
    /// Opens a view of the store: by `pread` where the store is a local folder,
    /// read whole otherwise.
    ///
    /// # Errors
    /// The store's (`NotFound`), `Io`, and `Corrupt` if it is no view of these metrics.
    pub async fn open(store: &dyn Store, key: &Key, metrics: &Metrics) -> Result<ViewFile> {
        if let Some(path) = store.local_path(key)
            && let Ok(file) = File::open(&path)
        {
            return ViewFile::of_file(key.to_string(), file, metrics);
        }
        let bytes = store.read(key).await?;
        ViewFile::of_source(key.to_string(), Source::Memory(bytes), metrics)
    }

    /// Opens a view of the local disk.
    ///
    /// # Errors
    /// `Io`, and `Corrupt` if it is no view of these metrics.
    pub fn open_local(path: &Path, metrics: &Metrics) -> Result<ViewFile> {
        let file = File::open(path).map_err(|source| ViewError::io("open", path, source))?;
        ViewFile::of_file(path.display().to_string(), file, metrics)
    }

    /// Opens a view held in memory; `name` is for errors.
    ///
    /// # Errors
    /// `Corrupt` if it is no view of these metrics.
    pub fn of_bytes(name: impl ToString, bytes: Bytes, metrics: &Metrics) -> Result<ViewFile> {
        ViewFile::of_source(name.to_string(), Source::Memory(bytes), metrics)
    }

    /// A note given when the view was written.
    #[must_use]
    pub fn note(&self, key: &str) -> Option<&str> {
        self.footer.notes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// How many rows it holds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.footer.groups.iter().map(|group| group.rows).sum()
    }

    /// CRC-32C of all its canonical rows, by its footer.
    #[must_use]
    pub fn crc32c(&self) -> u32 {
        self.footer.crc32c()
    }

    /// Gives the rows of `selection` to `sink`, by minute, then service. Row
    /// groups without any of its minutes are not read; the others are checked
    /// whole before their first row is given.
    ///
    /// # Errors
    /// `Corrupt` where a row group is not what was written, `Io`. Rows of the
    /// groups before may have been given by then.
    pub fn read(&self, selection: &Selection, sink: &mut dyn FnMut(Row<'_>)) -> Result<()> {
        for (at, group) in self.footer.groups.iter().enumerate() {
            if selection.touches(group.first, group.last) {
                self.read_group(at, &mut |row| {
                    if selection.wants_minute(row.minute) && selection.wants_service(row.service.as_str()) {
                        sink(row);
                    }
                })?;
            }
        }
        Ok(())
    }

    /// Gives every row of group `at`, which there is, to `sink`, once it has checked them all.
    pub(crate) fn read_group(&self, at: usize, sink: &mut dyn FnMut(Row<'_>)) -> Result<()> {
        let group = &self.footer.groups[at];
        // A damaged page may trip an assertion of the decoder; it is damage all the same.
        let batches = catch_unwind(AssertUnwindSafe(|| self.decode(at, group)))
            .map_err(|_| self.corrupt("a page cannot be decoded"))??;
        let mut names = Names::default();
        for batch in &batches {
            batch.rows(&mut names, &mut *sink).map_err(|why| self.corrupt(why))?;
        }
        Ok(())
    }

    /// The least and the greatest minute of each row group.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (Minute, Minute)> {
        self.footer.groups.iter().map(|group| (group.first, group.last))
    }

    /// What it is called in errors.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Memory that it takes, open.
    pub(crate) fn held_bytes(&self) -> u64 {
        (self.source.held_bytes() + self.parquet.metadata().memory_size()) as u64
    }

    fn of_file(name: String, file: File, metrics: &Metrics) -> Result<ViewFile> {
        let length = file.metadata().map_err(|source| ViewError::io("stat", &name, source))?.len();
        ViewFile::of_source(name, Source::File { file, length }, metrics)
    }

    fn of_source(name: String, source: Source, metrics: &Metrics) -> Result<ViewFile> {
        let load = || ArrowReaderMetadata::load(&source, reader_options());
        let parquet = catch_unwind(AssertUnwindSafe(load))
            .map_err(|_| ViewError::corrupt(&name, "its footer cannot be decoded"))?
            .map_err(|why| ViewError::corrupt(&name, why))?;
        let file = parquet.metadata().file_metadata();
        let entries = file.key_value_metadata().map(Vec::as_slice).unwrap_or_default();
        let footer = Footer::decode(entries).map_err(|why| ViewError::corrupt(&name, why))?;

        let expected = columns::schema(metrics);
        if parquet.schema().fields() != expected.fields() {
            return Err(ViewError::corrupt(&name, "its columns are not those of this store's metrics"));
        }
        let rows = parquet.metadata().row_groups().iter().map(|group| group.num_rows() as u64);
        if !rows.eq(footer.groups.iter().map(|group| group.rows)) {
            return Err(ViewError::corrupt(&name, "its row groups are not those that were written"));
        }
        Ok(ViewFile { name, source, footer, parquet, columns: Columns { width: metrics.len() } })
    }

    /// Reads row group `at` and checks it against what the footer says.
    fn decode(&self, at: usize, group: &Group) -> Result<Vec<Exact>> {
        let window = self.window(at)?;
        let mask = ProjectionMask::leaves(self.parquet.parquet_schema(), self.columns.projected());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(window, self.parquet.clone())
            .with_row_groups(vec![at])
            .with_projection(mask)
            .with_batch_size(group.rows as usize)
            .build()
            .map_err(|why| self.corrupt(why))?;

        let mut batches = Vec::new();
        let (mut names, mut canonical) = (Names::default(), Vec::new());
        for batch in reader {
            let batch = batch.map_err(|why| self.corrupt(why))?;
            let exact =
                Exact::of(&batch, self.columns.width).ok_or_else(|| self.corrupt("a column has another type"))?;
            exact.rows(&mut names, |row| row_bytes::encode(&row, &mut canonical)).map_err(|why| self.corrupt(why))?;
            batches.push(exact);
        }
        if canonical.len() as u64 != group.bytes || crc32c::crc32c(&canonical) != group.crc32c {
            return Err(self.corrupt(format!("the checksum of row group {at} does not fit")));
        }
        Ok(batches)
    }

    /// The bytes of row group `at`, in one read.
    fn window(&self, at: usize) -> Result<Window> {
        let chunks = self.parquet.metadata().row_group(at).columns();
        let ranges = chunks.iter().map(|column| column.byte_range());
        let start = ranges.clone().map(|(start, _)| start).min().unwrap_or(0);
        let end = ranges.map(|(start, length)| start.saturating_add(length)).max().unwrap_or(0);
        let bytes = self.source.read(start..end).map_err(|why| self.corrupt(why))?;
        Ok(Window { start, bytes })
    }

    fn corrupt(&self, why: impl ToString) -> ViewError {
        ViewError::corrupt(&self.name, why)
    }
}

/// Decodes only what a view needs of the footer.
fn reader_options() -> ArrowReaderOptions {
    ArrowReaderOptions::new()
        .with_skip_arrow_metadata(true)
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll)
}
