//! Cuts: what a generation, or an import, consists of, as the store has it.
//!
//! # Format
//! `cuts/<source>/<g:010>.json`, a sealed document ([`storage::sealed`]),
//! created only if absent and never changed:
//! ```text
//! {"version":1,"source":"<monitor id>|import-<64 hex>","incarnation":"<16 hex>"|null,
//!  "generation":g,"tick":<microseconds>,"position":"<seq>:<offset>",
//!  "withdrawn":false,"sealed":false,"rejected":{"<reason>":n,...},
//!  "files":[{"key":"master/date=...","seq":n,"date":"YYYY-MM-DD","length":n,
//!            "crc32c":n,"messages":n,"least":<us>,"greatest":<us>},...]}
//! ```
//! A monitor's message is in generation <= g exactly if its position is below
//! the cut's. Its files are those of generation g alone; a generation without
//! messages has none. The last cut of a monitor that was sealed says so: each
//! of its files counts up to its length here, and may go on behind that, with
//! half a line or with what an append that was on its way added.

use schema::{Date, Generation, Incarnation, Micros, Position, Rejects, Source};
use serde::{Deserialize, Serialize};
use storage::layout::{self, DatedName};
use storage::sealed::{self, SealError};
use storage::{Key, Store, StoreError};

use crate::error::LogError;
use crate::files::FileSummary;
use crate::snapshot::Snapshot;

/// The end of a generation, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    pub(crate) version: u32,
    /// Whose.
    pub source: Source,
    /// Which life of that monitor; `None` for an import.
    pub incarnation: Option<Incarnation>,
    /// The generation it ends. An import has 0; a withdrawal of it 1, and so on.
    pub generation: Generation,
    /// The tick that ended it; for an import, when it was made.
    pub tick: Micros,
    /// The first position that is not in it any more.
    pub position: Position,
    /// Whether the import no longer counts.
    pub withdrawn: bool,
    /// Whether it is the last one of a monitor that was sealed.
    #[serde(default)]
    pub sealed: bool,
    /// What was rejected in it, by reason.
    pub rejected: Rejects,
    /// The generation's dated files, in order.
    pub files: Vec<DatedFile>,
}

/// A dated file as a cut names it: closed, never to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatedFile {
    /// Where it is in the store.
    pub key: Key,
    /// Its number within the source.
    pub seq: u64,
    /// The date it is filed under.
    pub date: Date,
    /// Its length in bytes.
    pub length: u64,
    /// CRC-32C of its bytes.
    pub crc32c: u32,
    /// The messages in it.
    pub messages: u64,
    /// Their least Timestamp.
    pub least: Micros,
    /// Their greatest Timestamp.
    pub greatest: Micros,
    /// Whether the file may go on behind `length`: of a cut that is sealed.
    #[serde(skip)]
    pub goes_on: bool,
}

impl DatedFile {
    /// A closed file under its name in the store.
    pub(crate) fn new(file: &FileSummary, name: &DatedName) -> Self {
        let FileSummary { seq, date, length, crc32c, messages, least, greatest } = *file;
        let key = layout::dated(date, name);
        Self { key, seq, date, length, crc32c, messages, least, greatest, goes_on: false }
    }
}

impl Cut {
    pub(crate) const VERSION: u32 = 1;

    /// The cut at the end of `generation`, or `None` while it is open or when
    /// the snapshot does not have it.
    pub fn of_generation(snapshot: &Snapshot, generation: Generation) -> Option<Self> {
        let log = snapshot.generations.iter().find(|log| log.generation == generation)?;
        let closed = log.closed.as_ref()?;
        let name = |seq| DatedName::Log { id: snapshot.id.clone(), seq };
        Some(Self {
            version: Self::VERSION,
            source: Source::Monitor(snapshot.id.clone()),
            incarnation: Some(snapshot.incarnation),
            generation,
            tick: closed.tick,
            position: closed.cut,
            withdrawn: false,
            sealed: false,
            rejected: closed.rejected,
            files: closed.files.iter().map(|file| DatedFile::new(file, &name(file.seq))).collect(),
        })
    }

    /// The newest generation of `source` with a cut in the store.
    ///
    /// # Errors
    /// The store's.
    pub async fn newest(store: &dyn Store, source: &Source) -> Result<Option<Generation>, StoreError> {
        let cuts = store.list(&layout::cuts_of(source)).await?;
        Ok(cuts.iter().filter_map(|listed| layout::parse_cut(listed.key.name())).max())
    }

    /// Where it goes in the store.
    pub fn key(&self) -> Key {
        layout::cut(&self.source, self.generation)
    }

    /// Messages in it.
    pub fn messages(&self) -> u64 {
        self.files.iter().map(|file| file.messages).sum()
    }

    /// Least and greatest Timestamp in it.
    pub fn times(&self) -> Option<(Micros, Micros)> {
        let least = self.files.iter().map(|file| file.least).min()?;
        let greatest = self.files.iter().map(|file| file.greatest).max()?;
        Some((least, greatest))
    }

    /// The document's bytes.
    ///
    /// # Errors
    /// [`LogError::Document`]; never for a cut that this crate made.
    pub fn seal(&self) -> Result<Vec<u8>, LogError> {
        sealed::seal(self).map_err(|source| LogError::Document { key: self.key().to_string(), source })
    }

    /// Reads the document that `key` holds.
    ///
    /// # Errors
    /// [`LogError::Document`] when it is not intact or not what `key` says.
    pub fn open(key: &Key, bytes: &[u8]) -> Result<Self, LogError> {
        let cut = Self::parse(key.as_str(), bytes)?;
        if cut.key() == *key {
            return Ok(cut);
        }
        Err(Self::wrong(key.as_str(), "of another source or generation"))
    }

    /// Reads a document that lies at `place`.
    pub(crate) fn parse(place: &str, bytes: &[u8]) -> Result<Self, LogError> {
        let mut cut: Self =
            sealed::open(bytes).map_err(|source| LogError::Document { key: place.to_owned(), source })?;
        for file in &mut cut.files {
            file.goes_on = cut.sealed;
        }
        if cut.version == Self::VERSION {
            return Ok(cut);
        }
        Err(Self::wrong(place, "of a version that is not known"))
    }

    fn wrong(place: &str, problem: &str) -> LogError {
        let source = SealError::Body(serde::de::Error::custom(problem));
        LogError::Document { key: place.to_owned(), source }
    }
}
