//! A chunk: what one read of one connection becomes, ready to be handed over.
//!
//! Everything that costs time per message has happened before the buffer's
//! lock is taken: messages are judged, queue rows are formatted, and the log
//! bytes are spans of the bytes as read, most often a single one.

use std::ops::Range;

use log::ClientCount;
use schema::{Micros, Minute, Reject, Rejects};

use crate::intake::Arrival;
use crate::quarantine::{KEPT, Sample};
use crate::services::ServiceId;

/// Most samples of rejected lines kept of one chunk.
const SAMPLES: usize = 64;

/// What a read holds. Its vectors are reused from read to read.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The accepted messages in the bytes read, each to be followed by `\n`.
    /// Messages that follow each other with just that between share one span.
    pub(crate) spans: Vec<Range<usize>>,
    /// Their queue rows.
    pub(crate) queue: Vec<u8>,
    /// How many messages.
    pub(crate) messages: u64,
    /// Their least Timestamp.
    pub(crate) least: Micros,
    /// Their greatest Timestamp.
    pub(crate) greatest: Micros,
    /// What was rejected, by reason.
    pub(crate) rejected: Rejects,
    /// The lines of an acking client, and the rejected of these.
    pub(crate) lines: ClientCount,
    /// What the rejected of these are: which line of the chunk, from 1, and why.
    pub(crate) reports: Vec<(u64, Reject)>,
    /// Services that no batch has named, as far as the reader knew.
    pub(crate) fresh: Vec<ServiceId>,
    /// View rows touched; one may be there more than once.
    pub(crate) rows: Vec<(ServiceId, Minute)>,
    /// Some of the rejected lines.
    pub(crate) samples: Vec<Sample>,
    /// Whoever hands it over waits for the very batch that it is in.
    pub(crate) awaited: bool,
}

impl Chunk {
    /// A chunk of nothing.
    pub(crate) fn new() -> Self {
        Self {
            spans: Vec::new(),
            queue: Vec::new(),
            messages: 0,
            least: Micros::MAX,
            greatest: Micros::MIN,
            rejected: Rejects::default(),
            lines: ClientCount::default(),
            reports: Vec::new(),
            fresh: Vec::new(),
            rows: Vec::new(),
            samples: Vec::new(),
            awaited: false,
        }
    }

    /// Makes it a chunk of nothing again; its vectors keep their capacity.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.queue.clear();
        self.messages = 0;
        self.least = Micros::MAX;
        self.greatest = Micros::MIN;
        self.rejected = Rejects::default();
        self.lines = ClientCount::default();
        self.reports.clear();
        self.fresh.clear();
        self.rows.clear();
        self.samples.clear();
        self.awaited = false;
    }

    /// Adds an accepted message's bytes and time; its row is in `queue` already.
    /// `after_newline`: the byte before it is `\n`.
    pub(crate) fn message(&mut self, span: Range<usize>, after_newline: bool, time: Micros) {
        match self.spans.last_mut() {
            Some(last) if after_newline && last.end + 1 == span.start => last.end = span.end,
            _ => self.spans.push(span),
        }
        self.messages += 1;
        self.least = self.least.min(time);
        self.greatest = self.greatest.max(time);
    }

    /// Counts a rejected item, and keeps a sample of it.
    pub(crate) fn reject(&mut self, reason: Reject, raw: &[u8], arrival: Arrival) {
        self.rejected.add(reason);
        if self.samples.len() < SAMPLES {
            let line = raw[..raw.len().min(KEPT)].into();
            let Arrival { peer, now: time, .. } = arrival;
            self.samples.push(Sample { time, peer, reason, line });
        }
    }

    /// Counts a line of an acking client, judged as a whole.
    pub(crate) fn line(&mut self, judged: Result<(), (Reject, &[u8])>, arrival: Arrival) {
        self.lines.consumed += 1;
        if let Err((reason, raw)) = judged {
            self.lines.rejected += 1;
            self.reports.push((self.lines.consumed, reason));
            self.reject(reason, raw, arrival);
        }
    }

    /// What counts towards `buffer.messages`: messages and rejects, or the
    /// lines of an acking client, which all wait for an answer.
    pub(crate) fn items(&self) -> u64 {
        self.lines.consumed.max(self.messages + self.rejected.total())
    }
}
