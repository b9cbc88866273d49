//! The realtime queue's CSV: one row a message.
//!
//! A header line `service,time_stamp,<metric>,…\n`, then rows of as many fields: the service, quoted as RFC 4180 does
//! (and only then) if it has a comma or a quote; the time in whole microseconds since 1970; each value as a decimal
//! with exactly six places. `\n` ends a row; no field can hold one.
//!
//! Writing and reading are inverse, so a queue is a pure function of the log and a row loses nothing.

use crate::{Error, Message, Metrics, Micros, Millionths};

/// Appends the header line.
pub fn header(out: &mut Vec<u8>, metrics: &Metrics) {
    out.extend_from_slice(b"service,time_stamp");
    for metric in metrics.iter() {
        out.push(b',');
        out.extend_from_slice(metric.name.as_str().as_bytes());
    }
    out.push(b'\n');
}

/// Appends one message's row.
#[inline]
pub fn encode(out: &mut Vec<u8>, message: &Message<'_>) {
    let _ = (out, message);
    todo!()
}

/// The rows of a chunk that starts at a row (not at the header) and ends after one.
#[derive(Debug)]
pub struct Rows<'b> {
    bytes: &'b [u8],
    at: usize,
    metrics: usize,
    service: String,
    values: [Millionths; crate::MAX_METRICS],
}

impl<'b> Rows<'b> {
    /// Rows of so many metrics.
    pub fn new(bytes: &'b [u8], metrics: usize) -> Self {
        Rows { bytes, at: 0, metrics, service: String::new(), values: [Millionths::default(); crate::MAX_METRICS] }
    }

    /// The next row, as the message it was written from; `None` at the end.
    ///
    /// # Errors
    /// `QueueRow` if the bytes are no row that [`encode`] writes.
    #[expect(clippy::should_implement_trait, reason = "what it yields borrows from the reader")]
    pub fn next(&mut self) -> Option<Result<Message<'_>, Error>> {
        let _ = (self.bytes, self.at, self.metrics, &self.service, &self.values, Micros::MIN);
        todo!()
    }
}
