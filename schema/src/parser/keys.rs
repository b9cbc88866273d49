//! Which keys mean something: `service`, `timestamp` and their synonyms, the metrics' names, `Total` and `Free`.
//!
//! Compared after unescaping, without regard to ASCII case.

use super::lexer::{Kind, Value, unescape};
use crate::{Metrics, swar};

/// What a key at the top of a message stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Service,
    Time,
    /// The metric of this index.
    Metric(usize),
    Unknown,
}

/// What a key within a metric stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Total,
    Free,
    Unknown,
}

/// The keys of one store's messages.
#[derive(Debug)]
pub(super) struct Keys {
    /// Lower-case names of up to 16 bytes, zeros behind them.
    short: Vec<u128>,
    /// Their lengths and what they stand for.
    fields: Vec<(usize, Field)>,
    /// Longer ones.
    long: Vec<(Box<[u8]>, Field)>,
    /// Holds a key that had escapes.
    unescaped: Vec<u8>,
}

impl Keys {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let service = ["service", "servicename", "service_name"].map(|name| (name, Field::Service));
        let time = ["timestamp", "time", "ts"].map(|name| (name, Field::Time));
        let metrics = metrics.iter().enumerate().map(|(i, metric)| (metric.name.as_str(), Field::Metric(i)));
        let (mut short, mut fields, mut long) = (Vec::new(), Vec::new(), Vec::new());
        for (name, field) in metrics.chain(service).chain(time) {
            match name.len() {
                ..=16 => {
                    short.push(packed(name.as_bytes()));
                    fields.push((name.len(), field));
                }
                _ => long.push((name.as_bytes().into(), field)),
            }
        }
        Keys { short, fields, long, unescaped: Vec::new() }
    }

    #[inline]
    pub(super) fn field(&mut self, bytes: &[u8], key: Value) -> Field {
        let (packed, length) = self.packed(bytes, key);
        if length > 16 {
            return self.long_field(bytes, key);
        }
        let known = self.short.iter().position(|name| *name == packed).map(|i| self.fields[i]);
        // An escaped NUL looks like the zeros behind a name; the length tells.
        known.filter(|(expected, _)| *expected == length).map_or(Field::Unknown, |(_, field)| field)
    }

    fn long_field(&self, bytes: &[u8], key: Value) -> Field {
        let key = if key.kind == Kind::EscapedText { &self.unescaped } else { key.of(bytes) };
        let known = self.long.iter().find(|(name, _)| key.eq_ignore_ascii_case(name));
        known.map_or(Field::Unknown, |(_, field)| *field)
    }

    #[inline]
    pub(super) fn part(&mut self, bytes: &[u8], key: Value) -> Part {
        const TOTAL: u128 = packed(b"total");
        const FREE: u128 = packed(b"free");
        match self.packed(bytes, key) {
            (TOTAL, 5) => Part::Total,
            (FREE, 4) => Part::Free,
            _ => Part::Unknown,
        }
    }

    /// The key's first 16 bytes in lower case, and its length; both unescaped.
    #[inline]
    fn packed(&mut self, bytes: &[u8], key: Value) -> (u128, usize) {
        let (bytes, start, length) = if key.kind == Kind::EscapedText {
            self.unescaped.clear();
            unescape(key.of(bytes), &mut self.unescaped);
            (&self.unescaped[..], 0, self.unescaped.len())
        } else {
            (bytes, key.start, key.end - key.start)
        };
        (swar::lower(swar::padded(bytes, start, length)), length)
    }
}

/// Up to 16 bytes as [`swar::padded`] has them.
const fn packed(name: &[u8]) -> u128 {
    let (mut packed, mut i) = (0, name.len());
    while i > 0 {
        i -= 1;
        packed = packed << 8 | name[i] as u128;
    }
    packed
}
