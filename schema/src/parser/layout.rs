//! A layout: the bytes that messages of one client have in common, and how the values between them are read.
//!
//! Learned from a message that the full parser read, as alternating literal bytes and slots, one slot a string or
//! number. Reading a line by it checks every byte: literals must be equal, and a slot must hold a token of the same
//! kind. So a line that fits is the learned object with other scalars in the same places: valid JSON with the same
//! keys, in which the same values win over duplicates. What the scalars mean is decided by the same functions as in
//! the full parser. Any difference, and any value that would be rejected, gives `None`: the full parser decides.

use std::ops::Range;

use super::judge::{self, Scratch};
use super::lexer::{Kind, Lexer, Value};
use super::object::{MAX_SCALARS, Object, Reading};
use crate::swar;
use crate::{MAX_METRICS, Metrics, Micros, Millionths, ServiceName, number, rfc3339};

/// Longer objects are not learned.
const MAX_BYTES: usize = 1024;
/// How many bytes a line is looked for in: those from its `{` on, zeros behind the last. A length that is known lets
/// the compiler check bounds with one comparison a load; most of what a message costs was such checks.
pub(super) const WINDOW: usize = 2048;

/// One client's way to write a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    steps: Box<[Step]>,
    /// The metrics that are given as total and free.
    capacities: Box<[u8]>,
}

/// Up to sixteen literal bytes, and what follows them.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    /// The literal, its first byte lowest.
    literal: u128,
    /// Ones where the literal is.
    mask: u128,
    length: u8,
    slot: Slot,
}

/// A place that a scalar stands in. String slots lie between the quotes, which are literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// None: the literal goes on, or the object ends.
    None,
    ServiceText,
    ServiceNumber,
    TimeText,
    TimeNumber,
    /// A number of a metric: itself or its total at the metric's index, what is free of it [`MAX_METRICS`] further.
    Reading(u8),
    UnusedText,
    UnusedNumber,
}

/// What a line says that a layout fits; offsets from its `{`. Its values are in the scratch.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) service: Range<usize>,
    pub(super) time: Micros,
    /// Offset after its `}`.
    pub(super) end: usize,
}

impl Layout {
    /// Learns from the object at `start`, which the full parser has found to be a message.
    pub(super) fn learn(bytes: &[u8], start: usize, object: &Object) -> Option<Layout> {
        if object.end - start > MAX_BYTES || object.scalars.len() > MAX_SCALARS {
            return None;
        }
        let (mut steps, mut at) = (Vec::new(), start);
        for scalar in &object.scalars {
            push_literal(&mut steps, &bytes[at..scalar.start], Slot::of(scalar, object));
            at = scalar.end;
        }
        push_literal(&mut steps, &bytes[at..object.end], Slot::None);
        let capacity = |i: &u8| {
            let reading = &object.metrics[usize::from(*i)];
            reading.value.is_some() && reading.is_object
        };
        Some(Layout { steps: steps.into(), capacities: (0..MAX_METRICS as u8).filter(capacity).collect() })
    }

    /// Whether the bytes at `start` begin as this layout does.
    #[inline]
    pub(super) fn begins(&self, first: u128) -> bool {
        self.steps.first().is_some_and(|step| step.fits(first))
    }

    /// Reads the object that the window begins with, if this is its layout.
    pub(super) fn read(&self, window: &[u8; WINDOW], metrics: &Metrics, scratch: &mut Scratch) -> Option<Fit> {
        let bytes = &window[..];
        let mut fit = Fit { service: 0..0, time: Micros::MIN, end: 0 };
        let mut at = 0;
        for step in &self.steps {
            if !step.fits(swar::load16(bytes, at)) {
                return None;
            }
            at += usize::from(step.length);
            at = match step.slot {
                Slot::None => at,
                Slot::ServiceText => {
                    let end = service_text(bytes, at)?;
                    fit.service = at..end;
                    end
                }
                Slot::TimeNumber => {
                    let (time, end) = time_number(bytes, at)?;
                    fit.time = time;
                    end
                }
                Slot::Reading(i) => {
                    let (value, end) = reading(bytes, at)?;
                    *scratch.values.get_mut(usize::from(i))? = value;
                    end
                }
                Slot::TimeText => {
                    let end = text(bytes, at)?;
                    fit.time = rfc3339::parse(&bytes[at..end])?;
                    end
                }
                Slot::ServiceNumber => {
                    let end = number::end(bytes, at).ok()?;
                    if !number::is_integer(&bytes[at..end]) || end - at > ServiceName::MAX_BYTES {
                        return None;
                    }
                    fit.service = at..end;
                    end
                }
                Slot::UnusedText => text(bytes, at)?,
                Slot::UnusedNumber => number::end(bytes, at).ok()?,
            };
        }
        for i in self.capacities.iter().map(|i| usize::from(*i)) {
            let (total, free) = (scratch.values[i], scratch.values[i + MAX_METRICS]);
            scratch.values[i] = judge::capacity(total, free, metrics[i].read).ok()?;
        }
        fit.end = at;
        Some(fit)
    }
}

impl Step {
    #[inline]
    fn fits(&self, bytes: u128) -> bool {
        (bytes ^ self.literal) & self.mask == 0
    }
}

impl Slot {
    /// The slot that this scalar of a message stands in.
    fn of(scalar: &Value, object: &Object) -> Slot {
        let is = |field: Option<Value>| field == Some(*scalar);
        let text = scalar.kind != Kind::Number;
        if is(object.service) {
            return if text { Slot::ServiceText } else { Slot::ServiceNumber };
        }
        if is(object.time) {
            return if text { Slot::TimeText } else { Slot::TimeNumber };
        }
        for (i, reading) in (0_u8..).zip(&object.metrics) {
            match reading {
                Reading { value: None, .. } => {}
                Reading { is_object: false, value, .. } if is(*value) => return Slot::Reading(i),
                Reading { is_object: true, total, .. } if is(*total) => return Slot::Reading(i),
                Reading { is_object: true, free, .. } if is(*free) => return Slot::Reading(i + MAX_METRICS as u8),
                Reading { .. } => {}
            }
        }
        if text { Slot::UnusedText } else { Slot::UnusedNumber }
    }
}

/// Adds the steps that check a literal of any length and then read the slot.
fn push_literal(steps: &mut Vec<Step>, literal: &[u8], slot: Slot) {
    let mut pieces = literal.chunks(16).peekable();
    while let Some(piece) = pieces.next() {
        let mask = u128::MAX >> (8 * (16 - piece.len()));
        let slot = if pieces.peek().is_some() { Slot::None } else { slot };
        steps.push(Step { literal: swar::load16(piece, 0), mask, length: piece.len() as u8, slot });
    }
}

/// The end of a string's content that is a valid service name without escapes.
#[inline]
fn service_text(bytes: &[u8], at: usize) -> Option<usize> {
    let end = swar::plain_text_end(bytes, at);
    if bytes.get(end) == Some(&b'"') {
        return (1..=ServiceName::MAX_BYTES).contains(&(end - at)).then_some(end);
    }
    let end = text(bytes, at)?;
    let name = std::str::from_utf8(&bytes[at..end]).ok()?;
    ServiceName::allows(name).then_some(end)
}

/// The end of a valid string's content that has no escapes.
#[inline]
fn text(bytes: &[u8], at: usize) -> Option<usize> {
    let end = swar::plain_text_end(bytes, at);
    if bytes.get(end) == Some(&b'"') {
        return Some(end);
    }
    let mut lexer = Lexer::new(bytes, at - 1);
    let text = lexer.text().ok()?;
    (lexer.flaw.is_none() && text.kind == Kind::Text).then_some(text.end)
}

/// A number in millionths, and its end. That nothing follows that could be part of it, the next literal sees to.
#[inline]
fn reading(bytes: &[u8], at: usize) -> Option<(Millionths, usize)> {
    if let Some((millionths, length)) = swar::decimal(bytes, at) {
        return Some((Millionths::new(millionths)?, at + length));
    }
    let end = number::end(bytes, at).ok()?;
    Some((number::millionths(bytes, at, end)?, end))
}

#[inline]
fn time_number(bytes: &[u8], at: usize) -> Option<(Micros, usize)> {
    if let Some((whole, length)) = swar::integer(bytes, at)
        && bytes.get(at + length) != Some(&b'.')
    {
        return Some((number::micros_of_whole(whole)?, at + length));
    }
    let end = number::end(bytes, at).ok()?;
    Some((number::micros(bytes, at, end)?, end))
}
