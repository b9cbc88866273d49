//! A partition: one batch view file, and its entry in a page.
//!
//! # Format
//! ```text
//! 56,<8 hex>,1440,86400,98304,<8 hex>,<8 hex>,29892960,29894399
//! ```
//! Base and attempt (both in its file's name), rows, messages, the file's length
//! and CRC-32C, CRC-32C of its canonical rows (`row_bytes`), first and last
//! minute since 1970. Service and period are the page's to say.

use std::fmt;

use schema::{Minute, ServiceName};
use storage::Key;
use storage::layout::{self, BatchName};

use crate::period::Period;

/// One batch view file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Whose rows.
    pub service: ServiceName,
    /// The time it stands for.
    pub period: Period,
    /// The manifest its build started from, part of its name.
    pub base: u64,
    /// Random, part of its name.
    pub attempt: u32,
    /// How many rows it holds.
    pub rows: u64,
    /// How many messages they stand for.
    pub messages: u64,
    /// The file's length.
    pub bytes: u64,
    /// CRC-32C of the file's bytes.
    pub file_crc32c: u32,
    /// CRC-32C of its canonical rows.
    pub rows_crc32c: u32,
    /// Its first minute.
    pub first: Minute,
    /// Its last minute.
    pub last: Minute,
}

impl Partition {
    /// The file.
    #[must_use]
    pub fn key(&self) -> Key {
        key(&self.service, self.period, self.base, self.attempt)
    }

    /// What is wrong with `bytes`, if they are not the file that was written.
    pub(crate) fn differs(&self, bytes: &[u8]) -> Option<String> {
        let (length, crc32c) = (bytes.len() as u64, crc32c::crc32c(bytes));
        if length != self.bytes {
            return Some(format!("it is {length} bytes long, its manifest says {}", self.bytes));
        }
        let expected = self.file_crc32c;
        (crc32c != expected).then(|| format!("its CRC-32C is {crc32c:08x}, its manifest says {expected:08x}"))
    }

    /// What the content hash covers.
    pub(super) fn content_line(&self) -> String {
        let Partition { service, period, rows, messages, rows_crc32c, first, last, .. } = self;
        let (first, last) = (first.get(), last.get());
        format!("{service} {period} {rows} {messages} {rows_crc32c:08x} {first} {last}\n")
    }

    /// Reads what `Display` writes.
    pub(super) fn parse(service: ServiceName, period: Period, text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let partition = Partition {
            service,
            period,
            base: parts.next()?.parse().ok()?,
            attempt: u32::from_str_radix(parts.next()?, 16).ok()?,
            rows: parts.next()?.parse().ok()?,
            messages: parts.next()?.parse().ok()?,
            bytes: parts.next()?.parse().ok()?,
            file_crc32c: u32::from_str_radix(parts.next()?, 16).ok()?,
            rows_crc32c: u32::from_str_radix(parts.next()?, 16).ok()?,
            first: Minute::new(parts.next()?.parse().ok()?)?,
            last: Minute::new(parts.next()?.parse().ok()?)?,
        };
        parts.next().is_none().then_some(partition)
    }
}

/// The name of a batch view file.
pub(crate) fn key(service: &ServiceName, period: Period, base: u64, attempt: u32) -> Key {
    let name = BatchName { base, attempt };
    match period {
        Period::Day(date) => layout::batch_day(service, date, name),
        Period::Month(month) => layout::batch_month(service, month, name),
    }
}

impl fmt::Display for Partition {
    /// Its entry in a page.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Partition { base, attempt, rows, messages, bytes, file_crc32c, rows_crc32c, first, last, .. } = self;
        let (first, last) = (first.get(), last.get());
        write!(f, "{base},{attempt:08x},{rows},{messages},{bytes},{file_crc32c:08x},{rows_crc32c:08x},{first},{last}")
    }
}
