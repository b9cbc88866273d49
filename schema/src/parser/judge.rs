//! The full parser, second half: from an object's values to a message, or to the reason why it is none.
//!
//! The first failure counts, in this order: a flaw in the JSON, the service, the timestamp, then the metrics as they
//! are configured; in each of them absence, then type, then range.

use super::lexer::{Kind, Value, unescape};
use super::object::{Object, Reading};
use crate::{MAX_METRICS, Message, Metrics, Micros, Millionths, Read, Reject, ServiceName, number, rfc3339};

/// What a message is put together in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Holds a service's name that had escapes.
    name: Vec<u8>,
    /// The values of the metrics, and behind them what is free of each, as far as it was given.
    pub(super) values: [Millionths; 2 * MAX_METRICS],
}

/// The message that an object is.
pub(super) fn message<'a>(
    bytes: &'a [u8],
    object: &Object,
    metrics: &Metrics,
    scratch: &'a mut Scratch,
) -> Result<Message<'a>, Reject> {
    if let Some(flaw) = object.flaw {
        return Err(flaw);
    }
    let service = service(bytes, object.service, &mut scratch.name)?;
    let time = time(bytes, object.time)?;
    for (i, metric) in metrics.iter().enumerate() {
        scratch.values[i] = reading(bytes, &object.metrics[i], metric.read)?;
    }
    Ok(Message { service, time, values: &scratch.values[..metrics.len()] })
}

/// A metric's value from what it has in total and free.
#[inline]
pub(super) fn capacity(total: Millionths, free: Millionths, read: Read) -> Result<Millionths, Reject> {
    let zero = Millionths::default();
    if total <= zero || free < zero || free > total {
        return Err(Reject::CapacityOutOfRange);
    }
    let used = Millionths::new(total.get() - free.get()).ok_or(Reject::NumberOutOfRange)?;
    Ok(match read {
        Read::Utilisation => Millionths::ratio(used, total),
        Read::Used => used,
    })
}

fn service<'a>(bytes: &'a [u8], value: Option<Value>, name: &'a mut Vec<u8>) -> Result<&'a str, Reject> {
    let value = value.ok_or(Reject::MissingField)?;
    let name: &[u8] = match value.kind {
        Kind::Text => value.of(bytes),
        Kind::EscapedText => {
            name.clear();
            unescape(value.of(bytes), name);
            name
        }
        Kind::Number if number::is_integer(value.of(bytes)) => value.of(bytes),
        Kind::Number | Kind::Other => return Err(Reject::WrongType),
    };
    let name = std::str::from_utf8(name).map_err(|_| Reject::InvalidUtf8)?;
    ServiceName::allows(name).then_some(name).ok_or(Reject::InvalidService)
}

fn time(bytes: &[u8], value: Option<Value>) -> Result<Micros, Reject> {
    let value = value.ok_or(Reject::MissingField)?;
    match value.kind {
        Kind::Number => number::micros(bytes, value.start, value.end).ok_or(Reject::InvalidTimestamp),
        Kind::Text => time_of_text(value.of(bytes)),
        Kind::EscapedText => {
            let mut unescaped = Vec::new();
            unescape(value.of(bytes), &mut unescaped);
            time_of_text(&unescaped)
        }
        Kind::Other => Err(Reject::WrongType),
    }
}

fn time_of_text(text: &[u8]) -> Result<Micros, Reject> {
    let number = number::end(text, 0) == Ok(text.len());
    rfc3339::parse(text).ok_or(if number { Reject::WrongType } else { Reject::InvalidTimestamp })
}

fn reading(bytes: &[u8], reading: &Reading, read: Read) -> Result<Millionths, Reject> {
    if !reading.is_object || reading.value.is_none() {
        return millionths(bytes, reading.value);
    }
    capacity(millionths(bytes, reading.total)?, millionths(bytes, reading.free)?, read)
}

fn millionths(bytes: &[u8], value: Option<Value>) -> Result<Millionths, Reject> {
    match value.ok_or(Reject::MissingField)? {
        Value { kind: Kind::Number, start, end } => {
            number::millionths(bytes, start, end).ok_or(Reject::NumberOutOfRange)
        }
        _ => Err(Reject::WrongType),
    }
}
