//! A partition's entry in the manifest: text that is read and written without
//! allocating, because a year of four hundred services has sixteen thousand,
//! and each query reads them.

use std::fmt::{self, Write};

use schema::{Minute, ServiceName};
use serde::de::Visitor;
use serde::{Deserializer, Serializer};
use storage::Key;
use storage::layout::{self, BatchName};

use crate::period::Period;

/// One batch view file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
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
    /// CRC-32C of its canonical rows.
    pub crc32c: u32,
    /// Its first minute.
    pub first: Minute,
    /// Its last minute.
    pub last: Minute,
}

impl Partition {
    /// The file, if these are rows of `service`.
    #[must_use]
    pub fn key(&self, service: &ServiceName) -> Key {
        key(service, self.period, self.base, self.attempt)
    }

    /// Appends what the content hash covers.
    pub(super) fn write_content(&self, service: &ServiceName, line: &mut String) {
        let Partition { period, rows, messages, crc32c, first, last, .. } = self;
        let (first, last) = (first.get(), last.get());
        // Writing to a String cannot fail.
        let _ = writeln!(line, "{service} {period} {rows} {messages} {crc32c:08x} {first} {last}");
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
    /// `2026-11-21,56,<8 hex>,1440,86400,98304,<8 hex>,29894400,29895839`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Partition { period, base, attempt, rows, messages, bytes, crc32c, first, last } = self;
        let (first, last) = (first.get(), last.get());
        write!(f, "{period},{base},{attempt:08x},{rows},{messages},{bytes},{crc32c:08x},{first},{last}")
    }
}

impl Partition {
    /// Reads what `Display` writes.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let partition = Partition {
            period: parts.next()?.parse().ok()?,
            base: parts.next()?.parse().ok()?,
            attempt: u32::from_str_radix(parts.next()?, 16).ok()?,
            rows: parts.next()?.parse().ok()?,
            messages: parts.next()?.parse().ok()?,
            bytes: parts.next()?.parse().ok()?,
            crc32c: u32::from_str_radix(parts.next()?, 16).ok()?,
            first: Minute::new(parts.next()?.parse().ok()?)?,
            last: Minute::new(parts.next()?.parse().ok()?)?,
        };
        parts.next().is_none().then_some(partition)
    }
}

/// Writes partitions as one text, separated by spaces.
pub(super) fn serialize<S: Serializer>(partitions: &[Partition], serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = String::new();
    for (at, partition) in partitions.iter().enumerate() {
        let separator = if at == 0 { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{partition}");
    }
    serializer.serialize_str(&text)
}

/// Reads what `serialize` writes.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Partition>, D::Error> {
    deserializer.deserialize_str(Partitions)
}

struct Partitions;

impl Visitor<'_> for Partitions {
    type Value = Vec<Partition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("partitions separated by spaces")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<Partition>, E> {
        let parse = |part| Partition::parse(part).ok_or_else(|| E::custom(format_args!("{part:?} is no partition")));
        text.split_terminator(' ').map(parse).collect()
    }
}
