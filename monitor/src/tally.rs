//! A tally: what was handed over of one submission, for its one answer.
//!
//! In: chunks of whole lines. Out: the same chunks, to the buffer, under the client's claim if there is one; and at
//! any moment how many lines that was, what was rejected of them, and what to wait for until they are durable.
//!
//! What must hold: a line is counted here exactly if the buffer took its chunk; memory is bounded, so of many rejected
//! lines only the first are named, and the others counted.

use std::sync::Arc;

use log::ClientCount;
use schema::Reject;

use crate::buffer::Buffer;
use crate::chunk::Chunk;
use crate::clients::{Session, Superseded};

/// Rejected lines that an answer names.
const NAMED: usize = 1000;

/// What was handed over of a submission.
#[derive(Debug)]
pub(crate) struct Tally {
    claim: Option<Claim>,
    /// The number of the next line.
    next: u64,
    /// Lines handed over, and the rejected of these.
    pub(crate) lines: ClientCount,
    /// Messages in them.
    pub(crate) messages: u64,
    /// The first of those rejected, by number.
    pub(crate) rejects: Vec<(u64, Reject)>,
    /// The last batch with a line of it.
    batch: Option<u64>,
}

/// A session, left when dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) session: Session,
    pub(crate) buffer: Arc<Buffer>,
}

impl Tally {
    /// Nothing handed over; the line to come has the number `next`.
    pub(crate) fn new(claim: Option<Claim>, next: u64) -> Self {
        Self { claim, next, lines: ClientCount::default(), messages: 0, rejects: Vec::new(), batch: None }
    }

    /// The client's session, if the submission is one of a client.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        self.claim.as_mut().map(|claim| &mut claim.session)
    }

    /// Hands a chunk over.
    pub(crate) fn hand_over(&mut self, chunk: &mut Chunk, input: &[u8], buffer: &Buffer) -> Result<(), Superseded> {
        let session = self.claim.as_ref().map(|claim| &claim.session);
        // A client's lines are waited for by their count.
        chunk.awaited = session.is_none();
        self.batch = Some(buffer.push(chunk, input, session)?);
        let room = NAMED.saturating_sub(self.rejects.len());
        let rejects = chunk.reports.iter().take(room).map(|(line, reason)| (self.next - 1 + line, *reason));
        self.rejects.extend(rejects);
        self.next += chunk.lines.consumed;
        self.lines.consumed += chunk.lines.consumed;
        self.lines.rejected += chunk.lines.rejected;
        self.messages += chunk.messages;
        Ok(())
    }

    /// Waits until everything handed over is durable; for a client, also what it had handed over before.
    pub(crate) async fn durable(&mut self, buffer: &Buffer) {
        let (handed_over, batch) = (self.lines.consumed, self.batch);
        match (self.session(), batch) {
            (Some(session), _) => {
                let last = session.resume.consumed + handed_over;
                // The sender goes only with a client that had no line consumed.
                let _ = session.durable.wait_for(|durable| durable.count.consumed >= last).await;
            }
            (None, Some(batch)) => buffer.released(batch).await,
            (None, None) => {}
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.buffer.leave(&self.session);
    }
}
