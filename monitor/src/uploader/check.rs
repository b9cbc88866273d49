//! The check before the first upload: what the store has under our name must be what we committed.
//!
//! One that holds more, or something else, has been written by someone else's hands, or our disk has lost what it had
//! promised: then nothing is uploaded and nothing taken in.
//!
//! What is compared is bounded by what a cut does not answer for yet: the files of generations without a published cut,
//! byte by byte or, once whole, by the CRC-32C that the journal has of them. Of the others the cut itself is compared,
//! which has their lengths and checksums; whoever reads them holds them against it.

use std::ops::Range;

use bytes::Bytes;
use log::{Cut, DatedFile};
use schema::{Date, Generation, Position, Source};
use storage::layout::{self, DatedName};
use storage::{Key, Listed, StoreError};

use super::{UploadError, Uploader};

/// Read of the store at a time.
const CHUNK: u64 = 4 << 20;

/// A local file, as far as it is committed.
pub(super) struct Committed {
    pub(super) seq: u64,
    pub(super) date: Date,
    length: u64,
    /// Of a closed file, CRC-32C of all of it.
    crc32c: Option<u32>,
}

impl Uploader {
    /// Makes sure that the store holds nothing but what was committed, and sees which cuts it has.
    pub(super) async fn check(&mut self) -> Result<(), UploadError> {
        let committed = self.committed();
        self.check_cuts().await?;
        let end = self.mark.map_or(Position::default(), |mark| mark.position);
        for listed in self.sides.store.list(&layout::master()).await? {
            let Some((date, DatedName::Log { id, seq })) = layout::parse_dated(&listed.key) else { continue };
            if id != self.sides.id {
                continue;
            }
            match committed.iter().find(|file| (file.seq, file.date) == (seq, date)) {
                Some(file) if seq < self.uploaded.position.seq && listed.len <= file.length => {}
                Some(file) => self.check_file(&listed, file).await?,
                // Not here any more: uploaded and retired long ago.
                None if seq < end.seq && !committed.iter().any(|file| file.seq == seq) => {}
                None if listed.len == 0 => {}
                None => return Err(ahead(listed.key, format!("{} bytes", listed.len), "0".to_owned())),
            }
        }
        Ok(())
    }

    /// Compares published cuts with ours, which are done with then.
    async fn check_cuts(&mut self) -> Result<(), UploadError> {
        let source = Source::Monitor(self.sides.id.clone());
        let published = Cut::newest(&*self.sides.store, &source).await?;
        let open = self.mark.map_or(Generation::default(), |mark| mark.generation);
        if let Some(cut) = published.filter(|cut| *cut >= open) {
            let key = layout::cut(&source, cut);
            return Err(ahead(key, "a cut".to_owned(), format!("generations below {open} only")));
        }
        self.uploaded.cut = published;
        while let Some(cut) = self.closed.front().filter(|cut| Some(cut.generation) <= published).cloned() {
            match self.compare_cut(&cut).await {
                // Lost; those above it are of no use without it.
                Err(UploadError::Store(StoreError::NotFound { .. })) => break,
                compared => compared?,
            }
            self.uploaded.position = cut.position;
            self.closed.pop_front();
        }
        Ok(())
    }

    /// A published cut must say what ours does.
    pub(super) async fn compare_cut(&self, cut: &Cut) -> Result<(), UploadError> {
        let key = cut.key();
        match Cut::open(&key, &self.sides.store.read(&key).await?) {
            Ok(published) if published == *cut => Ok(()),
            _ => Err(ahead(key, "another content".to_owned(), files(&cut.files))),
        }
    }

    /// A file of a generation without a published cut must be a prefix of ours.
    async fn check_file(&self, listed: &Listed, file: &Committed) -> Result<(), UploadError> {
        let stored = self.settle(&listed.key, listed.len).await?;
        if stored > file.length {
            return Err(ahead(listed.key.clone(), format!("{stored} bytes"), file.length.to_string()));
        }
        self.compare(&listed.key, file, stored).await
    }

    /// How long a file is once nobody writes it: nothing is appended, but the lease of a writer that crashed, or whose
    /// answer was lost, is taken. A reader would wait for it.
    pub(super) async fn settle(&self, key: &Key, length: u64) -> Result<u64, UploadError> {
        match self.sides.store.append(key, length, Bytes::new()).await {
            Ok(()) => Ok(length),
            Err(StoreError::WrongLength { found, .. }) => Ok(found),
            Err(error) => Err(error.into()),
        }
    }

    /// What the store has of a file beyond what this uploader left there must be what it has here: an append whose
    /// answer was lost, and not one of whoever runs with a copy of this data folder. It is no longer than what is here.
    pub(super) async fn compare_news(&self, seq: u64, date: Date, news: Range<u64>) -> Result<(), UploadError> {
        let key = self.key(seq, date);
        let mut at = news.start;
        while at < news.end {
            let to = news.end.min(at + CHUNK);
            if self.sides.store.read_range(&key, at..to).await? != self.local(seq, date, at, to)? {
                let (found, here) = (format!("other bytes from {at} to {to}"), "those of its log".to_owned());
                return Err(ahead(key, found, here));
            }
            at = to;
        }
        Ok(())
    }

    /// The store's `stored` bytes of a file must be those that it begins with here.
    async fn compare(&self, key: &Key, file: &Committed, stored: u64) -> Result<(), UploadError> {
        let known = file.crc32c.filter(|_| stored == file.length);
        let (mut found, mut committed) = (0, 0);
        for from in (0..stored).step_by(CHUNK as usize) {
            let to = stored.min(from + CHUNK);
            found = crc32c::crc32c_append(found, &self.sides.store.read_range(key, from..to).await?);
            if known.is_none() {
                committed = crc32c::crc32c_append(committed, &self.local(file.seq, file.date, from, to)?);
            }
        }
        let committed = known.unwrap_or(committed);
        let words = |crc32c: u32| format!("{stored} bytes of CRC-32C {crc32c:08x}");
        if found == committed { Ok(()) } else { Err(ahead(key.clone(), words(found), words(committed))) }
    }

    /// Every local file, as far as it is committed.
    pub(super) fn committed(&self) -> Vec<Committed> {
        let closed = self.closed.iter().flat_map(|cut| &cut.files);
        let closed = closed.map(|file| (file.seq, file.date, file.length, Some(file.crc32c)));
        let open = self.open.iter().map(|file| (file.seq, file.date, file.length, None));
        closed.chain(open).map(|(seq, date, length, crc32c)| Committed { seq, date, length, crc32c }).collect()
    }
}

fn files(files: &[DatedFile]) -> String {
    let bytes: u64 = files.iter().map(|file| file.length).sum();
    format!("{} files of {bytes} bytes", files.len())
}

pub(super) fn ahead(key: Key, found: String, committed: String) -> UploadError {
    UploadError::Ahead { key, found, committed }
}
