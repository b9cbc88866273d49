//! The parser: what stands at the front of some bytes, a message, a reject or a line's end.
//!
//! Two ways lead to a message. The **full** parser ([`lexer`], [`object`], [`judge`]) reads any JSON, and it alone
//! defines what a message means. The **predictive** one ([`layouts`], [`layout`]) reads lines of a form that the full
//! one has seen, several times faster, and gives up on any difference. Properties hold the two equal on any bytes.
//!
//! What a chunk means does not depend on where it was cut: what is unfinished is [`Next::Incomplete`], and asking
//! again with more bytes behind it decides.
//!
//! # After a reject
//! Objects are judged alone, however many share a line. Where judging goes on after a reject depends on what is wrong:
//! - The object is JSON, but no message (a wrong type, a missing field, a number out of range, `NaN`, bad UTF-8 in a
//!   string): after its `}`.
//! - Its JSON is broken: after the `}` that closes it, if counting braces outside of strings finds one before the
//!   newline; else at the newline.
//! - What stands there is no object (`garbage {"service":…}`, a second comma): at the newline.
//!
//! A reject never takes the newline along; it follows as [`Next::EndOfLine`].

mod judge;
mod keys;
mod layout;
mod layouts;
mod lexer;
mod names;
mod object;

use crate::{Metrics, Micros, Millionths, Reject};
use judge::Scratch;
use keys::Keys;
use layout::Fit;
use layouts::Layouts;
use lexer::{End, Stop};
use names::Names;
use object::Object;

/// The longest a line may be: 64 KiB, without the newline. Whoever feeds the parser sees to it: it parses what it is
/// given.
pub const MAX_LINE: usize = 64 * 1024;

/// One valid message. Borrows from the bytes and the parser, until the next is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whose: a valid [`crate::ServiceName`], not yet owned.
    pub service: &'a str,
    /// When.
    pub time: Micros,
    /// One value a metric, in the order of [`Metrics`].
    pub values: &'a [Millionths],
}

/// What stands at the front of some bytes. All offsets count from their first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A valid object.
    Message {
        /// What it says.
        message: Message<'a>,
        /// Offset of its `{`.
        start: usize,
        /// Offset after its `}`: go on from here.
        end: usize,
    },
    /// Bytes that are no message.
    Reject {
        /// Why.
        reason: Reject,
        /// Offset after them: go on from here. A newline is never among them.
        end: usize,
    },
    /// Nothing more before the line's end.
    EndOfLine {
        /// Offset after the newline: go on from here.
        end: usize,
    },
    /// The bytes end before an object does, or before one begins. Keep them, put what comes next behind them and ask
    /// again; at the end of the input put a newline behind them.
    ///
    /// Asking again costs their whole length: it cannot help before a `}` or a newline has arrived.
    Incomplete,
}

/// Reads messages. Make one a thread and use it for all its chunks: it learns the layouts it sees. Nothing else is
/// carried from one call to the next, so chunks of different connections may alternate.
///
/// ```
/// use hourglass_schema::{Metrics, Next, Parser};
///
/// let mut parser = Parser::new(&Metrics::default());
/// let chunk = b"{\"service\":\"a\",\"ts\":1763715600,\"cpu\":0.5,\"ram\":0.25,\"disk\":0.1}\n{\"service\":\"b";
/// let (mut at, mut messages) = (0, 0);
/// loop {
///     match parser.next(&chunk[at..]) {
///         Next::Message { message, end, .. } => {
///             assert_eq!(message.service, "a");
///             messages += 1;
///             at += end;
///         }
///         Next::Reject { reason, .. } => panic!("{reason}"),
///         Next::EndOfLine { end } => at += end,
///         Next::Incomplete => break,
///     }
/// }
/// assert_eq!((messages, &chunk[at..]), (1, &b"{\"service\":\"b"[..]));
/// ```
#[derive(Debug)]
pub struct Parser {
    metrics: Metrics,
    keys: Keys,
    layouts: Layouts,
    names: Names,
    object: Object,
    scratch: Scratch,
}

/// What stands before an object.
enum Lead {
    Object(usize),
    Other(usize),
    Newline(usize),
    Nothing,
}

impl Parser {
    /// A parser that has seen nothing yet.
    pub fn new(metrics: &Metrics) -> Self {
        Parser {
            metrics: metrics.clone(),
            keys: Keys::new(metrics),
            layouts: Layouts::new(),
            names: Names::new(),
            object: Object::default(),
            scratch: Scratch::default(),
        }
    }

    /// What stands at the front of `bytes`, after white space and at most one comma.
    ///
    /// The bytes start at a line's start, or where the last answer ended.
    #[inline]
    pub fn next<'a>(&'a mut self, bytes: &'a [u8]) -> Next<'a> {
        let start = match lead(bytes) {
            Lead::Object(start) => start,
            Lead::Newline(at) => return Next::EndOfLine { end: at + 1 },
            Lead::Nothing => return Next::Incomplete,
            Lead::Other(at) => return broken(memchr::memchr(b'\n', &bytes[at..]).map(|newline| at + newline)),
        };
        match self.layouts.read(&bytes[start..], &self.metrics, &mut self.scratch) {
            Some(fit) => self.predicted(bytes, start, fit),
            None => self.full(bytes, start),
        }
    }

    /// The message at `start` that a layout fits.
    #[inline]
    fn predicted<'a>(&'a mut self, bytes: &'a [u8], start: usize, fit: Fit) -> Next<'a> {
        let service = self.names.text(&bytes[start..], fit.service);
        let values = &self.scratch.values[..self.metrics.len()];
        Next::Message { message: Message { service, time: fit.time, values }, start, end: start + fit.end }
    }

    /// What stands at `start`, where a `{` is, without any prediction.
    fn full<'a>(&'a mut self, bytes: &'a [u8], start: usize) -> Next<'a> {
        match self.object.read(bytes, start, &mut self.keys) {
            Ok(()) => {}
            Err(Stop::Incomplete) => return Next::Incomplete,
            Err(Stop::Invalid) => {
                return broken(match lexer::end_of_broken(bytes, start) {
                    End::Brace(end) | End::Newline(end) => Some(end),
                    End::Unknown => None,
                });
            }
        }
        let end = self.object.end;
        match judge::message(bytes, &self.object, &self.metrics, &mut self.scratch) {
            Ok(message) => {
                self.layouts.learn(bytes, start, &self.object);
                Next::Message { message, start, end }
            }
            Err(reason) => Next::Reject { reason, end },
        }
    }
}

#[inline]
fn lead(bytes: &[u8]) -> Lead {
    match bytes.first() {
        Some(b'{') => Lead::Object(0),
        Some(b'\n') => Lead::Newline(0),
        _ => lead_of_any(bytes),
    }
}

/// [`lead`] where white space or a comma may come first.
fn lead_of_any(bytes: &[u8]) -> Lead {
    let mut comma = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => return Lead::Object(at),
            b'\n' => return Lead::Newline(at),
            b' ' | b'\t' | b'\r' => {}
            b',' if !comma => comma = true,
            _ => return Lead::Other(at),
        }
    }
    Lead::Nothing
}

/// Something that is not JSON, up to its end if that is known.
fn broken<'a>(end: Option<usize>) -> Next<'a> {
    end.map_or(Next::Incomplete, |end| Next::Reject { reason: Reject::InvalidJson, end })
}

#[cfg(test)]
mod lines;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
