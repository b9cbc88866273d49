//! Answers: what is still to be told to one acking client.
//!
//! In: lines handed over with the reports of those rejected, and how far the
//! client's lines are durable. Out: protocol frames, in this order: the welcome
//! once everything before this connection is durable; then reports and acks,
//! each report before the ack that covers it and none before its line is
//! durable. Acks are coalesced: there is never more than one unsent.

use std::collections::VecDeque;

use schema::{MAX_LINE, Reject, ServerFrame, Welcome};

use crate::clients::Session;
use crate::ingest::Ingest;

/// What [`Answers`] may hold for one byte read: a report for each.
pub(crate) const REPORT_BYTES: usize = 2 * size_of::<(u64, Reject)>();

/// Frames are put together up to about this size at a time.
const FRAMES: usize = 4096;

/// The conversation with one acking client.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The connection's claim on its client.
    pub(crate) session: Session,
    /// The last line handed over.
    read: u64,
    /// The last line acknowledged to the client, by welcome or ack.
    told: u64,
    welcomed: bool,
    reports: VecDeque<(u64, Reject)>,
}

impl Answers {
    /// A conversation that has not begun.
    pub(crate) fn new(session: Session) -> Self {
        let resume = session.resume.consumed;
        Self { session, read: resume, told: resume, welcomed: false, reports: VecDeque::new() }
    }

    /// So many more lines were handed over; of these, some were rejected.
    pub(crate) fn handed_over(&mut self, lines: u64, rejected: &[(u64, Reject)]) {
        let before = self.read;
        self.reports.extend(rejected.iter().map(|(line, reason)| (before + line, *reason)));
        self.read += lines;
    }

    /// Whether a newer connection of this client has taken over.
    pub(crate) fn superseded(&self) -> bool {
        self.session.durable.borrow().epoch != self.session.epoch
    }

    /// Whether everything handed over has been answered.
    pub(crate) fn complete(&self) -> bool {
        self.welcomed && self.told == self.read
    }

    /// Bytes held for reports not yet put into frames.
    pub(crate) fn held(&self) -> usize {
        self.reports.len() * REPORT_BYTES
    }

    /// Appends the frames that may be sent now, up to a few kilobytes of them.
    pub(crate) fn frames(&mut self, ingest: &Ingest, out: &mut Vec<u8>) {
        let durable = self.session.durable.borrow_and_update().count.consumed;
        if !self.welcomed {
            if durable < self.session.resume.consumed {
                return;
            }
            self.welcome(ingest).encode(out);
            self.welcomed = true;
        }
        while let Some((line, reason)) = self.reports.front().copied().filter(|(line, _)| *line <= durable)
            && out.len() < FRAMES
        {
            ServerFrame::Reject { line, reason }.encode(out);
            self.reports.pop_front();
        }
        let covered = self.reports.front().is_none_or(|(line, _)| *line > durable);
        if covered && durable > self.told {
            ServerFrame::Ack(durable).encode(out);
            self.told = durable;
        }
        if self.reports.is_empty() {
            self.reports = VecDeque::new();
        }
    }

    fn welcome(&self, ingest: &Ingest) -> ServerFrame {
        ServerFrame::Welcome(Welcome {
            monitor: ingest.monitor.clone(),
            incarnation: ingest.incarnation,
            resume: self.session.resume.consumed,
            rejected: self.session.resume.rejected,
            max_line: MAX_LINE as u64,
        })
    }
}
