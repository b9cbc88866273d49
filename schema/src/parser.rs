//! The parser: a chunk of bytes becomes messages, rejects and line ends.

use crate::{Metrics, Micros, Millionths, Reject};

/// The longest a line, and an object in it, may be: 64 KiB, without the newline.
pub const MAX_LINE: usize = 64 * 1024;

/// One valid message. Borrows from the chunk and the parser, until the next is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whose: a valid [`crate::ServiceName`], not yet owned.
    pub service: &'a str,
    /// When.
    pub time: Micros,
    /// One value a metric, in the order of [`Metrics`].
    pub values: &'a [Millionths],
}

/// What stands next in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A valid object.
    Message {
        /// What it says.
        message: Message<'a>,
        /// Offset of its `{` in the chunk.
        at: usize,
        /// Its bytes, `{` to `}`: what the day log keeps.
        raw: &'a [u8],
    },
    /// Bytes that are no message.
    Reject {
        /// Why.
        reason: Reject,
        /// Offset of its first byte in the chunk.
        at: usize,
        /// Its bytes, without a newline.
        raw: &'a [u8],
    },
    /// A newline.
    EndOfLine,
}

/// Reads messages. One a thread (or connection), made once, used for many chunks: it learns the layouts it sees, and
/// carries nothing else from chunk to chunk.
#[derive(Debug)]
pub struct Parser {
    _metrics: Metrics,
}

impl Parser {
    /// A parser that has seen nothing yet.
    pub fn new(_metrics: &Metrics) -> Self {
        todo!()
    }

    /// Reads these bytes, which start at a line's start or where an earlier chunk's [`Chunk::consumed`] ended.
    pub fn chunk<'p, 'b>(&'p mut self, _bytes: &'b [u8]) -> Chunk<'p, 'b> {
        todo!()
    }
}

/// The items of one chunk.
#[derive(Debug)]
pub struct Chunk<'p, 'b> {
    _parser: &'p mut Parser,
    _bytes: &'b [u8],
}

impl Chunk<'_, '_> {
    /// The next message, reject or line end; `None` when what is left is empty or unfinished.
    #[expect(clippy::should_implement_trait, reason = "what it yields borrows from the parser")]
    pub fn next(&mut self) -> Option<Item<'_>> {
        todo!()
    }

    /// The next message or reject, passing over line ends.
    pub fn next_object(&mut self) -> Option<Item<'_>> {
        todo!()
    }

    /// How many bytes are done with. The rest is the start of an object that is not finished: keep it, put what comes
    /// next behind it, and read both as one chunk. At the end of the input put a newline behind it.
    pub fn consumed(&self) -> usize {
        todo!()
    }

    /// Whether the unfinished rest is already over [`MAX_LINE`]: drop it and all up to the next newline, and count
    /// that as one [`Reject::LineTooLong`].
    pub fn overlong(&self) -> bool {
        todo!()
    }
}
