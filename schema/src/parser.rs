//! The parser.

use crate::{Metrics, Micros, Millionths, Reject};

/// The longest a line may be: 64 KiB, without the newline.
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
    /// The bytes end within an object, or before one.
    Incomplete,
}

/// Reads messages.
#[derive(Debug)]
pub struct Parser {
    _metrics: Metrics,
}

impl Parser {
    /// A parser that has seen nothing yet.
    pub fn new(_metrics: &Metrics) -> Self {
        todo!()
    }

    /// What stands at the front of `bytes`.
    pub fn next<'a>(&'a mut self, _bytes: &'a [u8]) -> Next<'a> {
        todo!()
    }
}
