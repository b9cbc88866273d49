//! A partition's entry in the manifest, read and written without allocating:
//! a year of four hundred services has sixteen thousand.

use std::fmt::{self, Write};

use schema::{Minute, ServiceName};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use storage::Key;
use storage::layout::{self, BatchName};

use crate::period::Period;

/// One batch view file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Entry", into = "Entry")]
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

/// A partition as the manifest writes it.
#[derive(Serialize, Deserialize)]
struct Entry(Period, u64, Hex, u64, u64, u64, Hex, Minute, Minute);

impl From<Entry> for Partition {
    fn from(entry: Entry) -> Self {
        let Entry(period, base, attempt, rows, messages, bytes, crc32c, first, last) = entry;
        Partition { period, base, attempt: attempt.0, rows, messages, bytes, crc32c: crc32c.0, first, last }
    }
}

impl From<Partition> for Entry {
    fn from(partition: Partition) -> Self {
        let Partition { period, base, attempt, rows, messages, bytes, crc32c, first, last } = partition;
        Entry(period, base, Hex(attempt), rows, messages, bytes, Hex(crc32c), first, last)
    }
}

/// Eight hex digits.
struct Hex(u32);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:08x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Digits)
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = Hex;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("eight hex digits")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex, E> {
        match u32::from_str_radix(text, 16) {
            Ok(number) if text.len() == 8 => Ok(Hex(number)),
            _ => Err(E::custom(format_args!("{text:?} is not eight hex digits"))),
        }
    }
}
