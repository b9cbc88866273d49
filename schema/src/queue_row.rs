//! The realtime queue's CSV.

use crate::{Error, Message, Metrics, Micros, Millionths};

/// Writes rows; see the module for the bytes.
#[derive(Debug)]
pub struct QueueWriter;

impl QueueWriter {
    /// The header line, with its newline: a queue file's first bytes.
    pub fn header(_metrics: &Metrics) -> Vec<u8> {
        todo!()
    }

    /// Appends one message's row, with its newline.
    pub fn write(_out: &mut Vec<u8>, _service: &str, _time: Micros, _values: &[Millionths]) {
        todo!()
    }
}

/// Reads the rows of a chunk that starts at a row (not the header) and ends with one.
#[derive(Debug)]
pub struct QueueReader<'b> {
    _bytes: &'b [u8],
}

impl<'b> QueueReader<'b> {
    /// Rows of so many metrics.
    pub fn new(_bytes: &'b [u8], _metrics: usize) -> Self {
        todo!()
    }

    /// The next row as the message it came from; `None` at the end.
    ///
    /// # Errors
    /// If the bytes are not rows that [`QueueWriter`] writes.
    #[expect(clippy::should_implement_trait, reason = "what it yields borrows from the reader")]
    pub fn next(&mut self) -> Option<Result<Message<'_>, Error>> {
        todo!()
    }
}
