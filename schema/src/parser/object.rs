//! The full parser, first half: an object's structure, and which of its values are the fields.
//!
//! The last of duplicate keys counts, synonyms included; what the earlier ones hold must be JSON and nothing more.

use super::keys::{Field, Keys, Part};
use super::lexer::{Lexer, Stop, Value};
use crate::{MAX_METRICS, Reject};

/// More scalars than this in one object and its layout is not learned.
pub(super) const MAX_SCALARS: usize = 48;

/// What an object holds, before anything of it is judged.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// Offset after its `}`.
    pub(super) end: usize,
    pub(super) service: Option<Value>,
    pub(super) time: Option<Value>,
    /// One a configured metric.
    pub(super) metrics: [Option<Reading>; MAX_METRICS],
    /// What in it is no JSON, though its end is known.
    pub(super) flaw: Option<Reject>,
    /// Its strings and numbers, keys left out, in order: up to [`MAX_SCALARS`], and one more if there are more.
    pub(super) scalars: Vec<Value>,
}

/// A metric's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Not an object.
    Plain(Value),
    /// An object, and what it has under these keys.
    Capacity { total: Option<Value>, free: Option<Value> },
}

impl Object {
    /// Reads the object whose `{` is at `start`.
    pub(super) fn read(&mut self, bytes: &[u8], start: usize, keys: &mut Keys) -> Result<(), Stop> {
        self.clear();
        let mut lexer = Lexer::new(bytes, start);
        let mut more = lexer.open(b'}')?;
        while more {
            let key = lexer.key()?;
            match keys.field(bytes, key) {
                Field::Metric(i) => self.metrics[i] = Some(self.reading(&mut lexer, keys)?),
                Field::Service => self.service = Some(self.value(&mut lexer, 1)?),
                Field::Time => self.time = Some(self.value(&mut lexer, 1)?),
                Field::Unknown => _ = self.value(&mut lexer, 1)?,
            }
            more = lexer.more(b'}')?;
        }
        (self.end, self.flaw) = (lexer.at, lexer.flaw);
        Ok(())
    }

    fn clear(&mut self) {
        (self.service, self.time, self.metrics) = (None, None, [None; MAX_METRICS]);
        self.scalars.clear();
    }

    fn reading(&mut self, lexer: &mut Lexer<'_>, keys: &mut Keys) -> Result<Reading, Stop> {
        if lexer.peek()? != b'{' {
            return self.value(lexer, 1).map(Reading::Plain);
        }
        let (mut total, mut free) = (None, None);
        let mut more = lexer.open(b'}')?;
        while more {
            let key = lexer.key()?;
            let part = keys.part(lexer.bytes, key);
            let value = Some(self.value(lexer, 2)?);
            match part {
                Part::Total => total = value,
                Part::Free => free = value,
                Part::Unknown => {}
            }
            more = lexer.more(b'}')?;
        }
        Ok(Reading::Capacity { total, free })
    }

    fn value(&mut self, lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, Stop> {
        let scalars = &mut self.scalars;
        lexer.value(depth, &mut |value| {
            if value != Value::Other && scalars.len() <= MAX_SCALARS {
                scalars.push(value);
            }
        })
    }
}

impl Value {
    /// Where its bytes are, for a string without the quotes; `None` if it is neither string nor number.
    pub(super) fn span(&self) -> Option<(usize, usize)> {
        match self {
            Value::Text(text) => Some((text.start, text.end)),
            Value::Number(number) => Some((number.start, number.end)),
            Value::Other => None,
        }
    }
}
