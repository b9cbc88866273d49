//! A page of the manifest: the batch view files of one period.
//!
//! Enters: a page's entry in a manifest. Leaves: its partitions. What must hold:
//! a page's file is never changed, and is the one that the manifest means, by
//! its length and checksum.
//!
//! # Format
//! `views/manifest-pages/<base:010>-<attempt:8 hex>.json` is a sealed document
//! with the body
//! ```text
//! {"version":1,"period":"2026-11-21","partitions":[["checkout","56,<8 hex>,..."],["basket", ...]]}
//! ```
//! by service (bytewise), each once; what stands behind its name is specified in
//! `partition.rs`.

use std::fmt;
use std::str::FromStr;

use schema::ServiceName;
use serde::{Deserialize, Serialize};
use storage::layout::{self, BatchName};
use storage::{Key, Store, StoreError, sealed};

use super::{Partition, hash_lines};
use crate::error::{Result, ViewError};
use crate::period::Period;

/// The version of a page's file.
const VERSION: u32 = 1;

/// What a manifest says of the batch view files of one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Page {
    /// The time they stand for.
    pub period: Period,
    /// The manifest that the build which wrote the page started from, part of its name.
    pub base: u64,
    /// Random, part of its name.
    pub attempt: u32,
    /// The length of the page's file.
    pub bytes: u64,
    /// CRC-32C of that file.
    pub crc32c: u32,
    /// How many view files it names.
    pub partitions: u64,
    /// How many rows they hold.
    pub rows: u64,
    /// How many messages those stand for.
    pub messages: u64,
    /// SHA-256 of what they hold, as hex.
    pub content: String,
}

impl Page {
    /// The page of `partitions`, all of `period`, by service; and its file but for the name.
    pub(crate) fn of(period: Period, base: u64, partitions: &[Partition]) -> Result<(Page, Vec<u8>)> {
        let entries = partitions.iter().map(|partition| (partition.service.to_string(), partition.to_string()));
        let body = Body { version: VERSION, period: period.to_string(), partitions: entries.collect() };
        let file = sealed::seal(&body).map_err(|why| ViewError::corrupt(period, why))?;
        let page = Page {
            period,
            base,
            attempt: 0,
            bytes: file.len() as u64,
            crc32c: crc32c::crc32c(&file),
            partitions: partitions.len() as u64,
            rows: partitions.iter().map(|partition| partition.rows).sum(),
            messages: partitions.iter().map(|partition| partition.messages).sum(),
            content: hash_content(partitions),
        };
        Ok((page, file))
    }

    /// The page's file.
    #[must_use]
    pub fn key(&self) -> Key {
        layout::manifest_page(BatchName { base: self.base, attempt: self.attempt })
    }

    /// The view files it names, by service (bytewise).
    ///
    /// # Errors
    /// The store's (`NotFound`), and `Corrupt` if it is not the file that was written.
    pub async fn read(&self, store: &dyn Store) -> Result<Vec<Partition>> {
        let key = self.key();
        let file = store.read(&key).await?;
        if file.len() as u64 != self.bytes || crc32c::crc32c(&file) != self.crc32c {
            return Err(ViewError::corrupt(key, "its length or checksum is not what its manifest says"));
        }
        let body: Body = sealed::open(&file).map_err(|why| ViewError::corrupt(&key, why))?;
        if body.version != VERSION || body.period != self.period.to_string() {
            return Err(ViewError::corrupt(key, "its version or period is not the one expected"));
        }
        let entry = |(service, entry): &(String, String)| {
            let service = ServiceName::new(service).ok()?;
            Partition::parse(service, self.period, entry)
        };
        let partitions: Option<Vec<_>> = body.partitions.iter().map(entry).collect();
        partitions.ok_or_else(|| ViewError::corrupt(key, "an entry cannot be read"))
    }

    /// As [`read`](Self::read); none if the page is damaged or gone, so that its period has to be counted again.
    pub(crate) async fn read_intact(&self, store: &dyn Store) -> Result<Option<Vec<Partition>>> {
        match self.read(store).await {
            Ok(partitions) => Ok(Some(partitions)),
            Err(why @ (ViewError::Corrupt { .. } | ViewError::Store(StoreError::NotFound { .. }))) => {
                tracing::warn!(%why, "page of the manifest is damaged, counting its period again");
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

/// The hash of what `partitions` hold: the same for the same rows.
pub(crate) fn hash_content(partitions: &[Partition]) -> String {
    hash_lines(partitions.iter().map(Partition::content_line))
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    version: u32,
    period: String,
    partitions: Vec<(String, String)>,
}

impl fmt::Display for Page {
    /// `2026-11-20,51,<8 hex>,35120,<8 hex>,400,576000,34560000,<64 hex>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Page { period, base, attempt, bytes, crc32c, partitions, rows, messages, content } = self;
        write!(f, "{period},{base},{attempt:08x},{bytes},{crc32c:08x},{partitions},{rows},{messages},{content}")
    }
}

impl FromStr for Page {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("{text:?} is no page"))
    }
}

/// Reads what `Display` writes.
fn parse(text: &str) -> Option<Page> {
    let mut parts = text.split(',');
    let page = Page {
        period: parts.next()?.parse().ok()?,
        base: parts.next()?.parse().ok()?,
        attempt: u32::from_str_radix(parts.next()?, 16).ok()?,
        bytes: parts.next()?.parse().ok()?,
        crc32c: u32::from_str_radix(parts.next()?, 16).ok()?,
        partitions: parts.next()?.parse().ok()?,
        rows: parts.next()?.parse().ok()?,
        messages: parts.next()?.parse().ok()?,
        content: parts.next()?.to_owned(),
    };
    parts.next().is_none().then_some(page)
}

impl From<Page> for String {
    fn from(page: Page) -> String {
        page.to_string()
    }
}

impl TryFrom<String> for Page {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
