//! The full parser, first half: an object's structure, and which of its values are the fields.
//!
//! The last of duplicate keys counts, synonyms included; what the earlier ones hold must be JSON and nothing more.

use super::keys::{Field, Keys, Part};
use super::lexer::{Kind, Lexer, Stop, Value};
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
    pub(super) metrics: [Reading; MAX_METRICS],
    /// What in it is no JSON, though its end is known.
    pub(super) flaw: Option<Reject>,
    /// Its strings and numbers, keys left out, in order: up to [`MAX_SCALARS`], and one more if there are more.
    pub(super) scalars: Vec<Value>,
}

/// A metric's value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// The value itself.
    pub(super) value: Option<Value>,
    /// Whether it is an object; only then are the following of this message.
    pub(super) is_object: bool,
    pub(super) total: Option<Value>,
    pub(super) free: Option<Value>,
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
                Field::Metric(i) => self.reading(i, &mut lexer, keys)?,
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
        (self.service, self.time) = (None, None);
        self.metrics.iter_mut().for_each(|reading| reading.value = None);
        self.scalars.clear();
    }

    /// Takes the value of the metric of this index.
    fn reading(&mut self, i: usize, lexer: &mut Lexer<'_>, keys: &mut Keys) -> Result<(), Stop> {
        let is_object = lexer.peek()? == b'{';
        if !is_object {
            self.metrics[i].value = Some(self.value(lexer, 1)?);
            self.metrics[i].is_object = false;
            return Ok(());
        }
        let (start, mut total, mut free) = (lexer.at, None, None);
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
        let value = Some(Value { kind: Kind::Other, start, end: lexer.at });
        self.metrics[i] = Reading { value, is_object, total, free };
        Ok(())
    }

    #[inline]
    fn value(&mut self, lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, Stop> {
        let scalars = &mut self.scalars;
        lexer.value(depth, &mut |scalar| {
            if scalars.len() <= MAX_SCALARS {
                scalars.push(scalar);
            }
        })
    }
}
