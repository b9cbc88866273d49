//! Which keys mean something: `service`, `timestamp` and their synonyms, the metrics' names, `Total` and `Free`.
//!
//! Compared after unescaping, without regard to ASCII case.

use super::lexer::{Text, unescape};
use crate::Metrics;

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
    /// Lower-case names and what they stand for.
    names: Vec<(Box<[u8]>, Field)>,
    /// Holds a key that had escapes.
    unescaped: Vec<u8>,
}

impl Keys {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let service = ["service", "servicename", "service_name"].map(|name| (name, Field::Service));
        let time = ["timestamp", "time", "ts"].map(|name| (name, Field::Time));
        let metrics = metrics.iter().enumerate().map(|(i, metric)| (metric.name.as_str(), Field::Metric(i)));
        let names = metrics.chain(service).chain(time).map(|(name, field)| (name.as_bytes().into(), field));
        Keys { names: names.collect(), unescaped: Vec::new() }
    }

    pub(super) fn field(&mut self, bytes: &[u8], key: Text) -> Field {
        let Keys { names, unescaped } = self;
        let key = content(bytes, key, unescaped);
        let known = names.iter().find(|(name, _)| key.eq_ignore_ascii_case(name));
        known.map_or(Field::Unknown, |(_, field)| *field)
    }

    pub(super) fn part(&mut self, bytes: &[u8], key: Text) -> Part {
        match content(bytes, key, &mut self.unescaped) {
            key if key.eq_ignore_ascii_case(b"total") => Part::Total,
            key if key.eq_ignore_ascii_case(b"free") => Part::Free,
            _ => Part::Unknown,
        }
    }
}

fn content<'a>(bytes: &'a [u8], key: Text, unescaped: &'a mut Vec<u8>) -> &'a [u8] {
    if !key.escaped {
        return &bytes[key.start..key.end];
    }
    unescaped.clear();
    unescape(bytes, key, unescaped);
    unescaped
}
