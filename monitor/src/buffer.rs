//! The double buffer: group commit and back-pressure in one mechanism.
//!
//! Connections hand whole parsed chunks to the buffer that is filling; the
//! writer swaps it for an empty one when it is free and either
//! `buffer.messages` items wait or the first has waited `buffer.linger`. While
//! the writer is busy the filling one grows, to `buffer.bytes`; beyond that no
//! socket is read until the next swap.
//!
//! In: [`Chunk`]s from any number of connections, rotation requests. Out:
//! [`Work`] for the one writer. The lock is taken once a chunk, once a swap and
//! once a release of acks; nothing is parsed, formatted or written under it.
//!
//! What must hold: a chunk is in exactly one batch, whole; a client's chunks
//! are in batches in the order they were read; a chunk of a superseded
//! connection is in none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use log::{Batch, ClientCount};
use parking_lot::{Condvar, Mutex};
use schema::{ClientId, Micros, Minute, Position};
use tokio::sync::{Notify, oneshot, watch};

use crate::chunk::Chunk;
use crate::clients::{Clients, Session, Superseded, TooManyClients};
use crate::instruments::Instruments;
use crate::options::Options;
use crate::quarantine::Sample;
use crate::services::{ServiceId, Services};

/// The buffer that fills, and everything decided under its lock.
#[derive(Debug)]
pub(crate) struct Buffer {
    limits: Limits,
    services: Arc<Services>,
    instruments: Instruments,
    state: Mutex<State>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes connections that wait for room.
    room: Notify,
    has_room: AtomicBool,
    /// How many batches are released, as far as anybody awaits one.
    released: watch::Sender<u64>,
}

/// When the buffers swap and when reading stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// `buffer.messages`.
    pub(crate) items: u64,
    /// `buffer.linger`.
    pub(crate) linger: Duration,
    /// `buffer.bytes`.
    pub(crate) bytes: usize,
}

impl Limits {
    /// Those of the options.
    pub(crate) fn of(options: &Options) -> Self {
        Self { items: options.buffer_messages, linger: options.buffer_linger, bytes: options.buffer_bytes }
    }
}

#[derive(Debug)]
struct State {
    filling: Filling,
    clients: Clients,
    rotations: VecDeque<Rotation>,
    /// Nothing more comes: the writer commits what waits and ends.
    closed: bool,
    /// Why nothing may be read at present, other than a full buffer.
    blocked: bool,
}

/// A buffer: what one commit will make durable, and what follows from it.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    /// What the log commits.
    pub(crate) batch: Batch,
    /// The view rows the batch touches; one may be there more than once.
    pub(crate) rows: Vec<(ServiceId, Minute)>,
    /// Rejected lines to keep for people.
    pub(crate) samples: Vec<Sample>,
    /// Its place among all buffers, from 0.
    number: u64,
    /// Somebody waits for this very batch.
    awaited: bool,
    items: u64,
    /// When the first item came.
    pub(crate) since: Option<Instant>,
}

/// A request to rotate, answered with the cut.
#[derive(Debug)]
pub(crate) struct Rotation {
    /// The tick it is for.
    pub(crate) tick: Micros,
    /// Told the cut, once it is durable.
    pub(crate) done: oneshot::Sender<Position>,
}

/// What the writer does next.
#[derive(Debug)]
pub(crate) enum Work {
    /// Commit what is in the buffer now.
    Commit,
    /// Rotate.
    Rotate(Rotation),
    /// Nothing more comes and nothing waits.
    End,
}

/// Most samples of rejected lines kept in one buffer.
const SAMPLES: usize = 256;

impl Buffer {
    /// An empty buffer.
    pub(crate) fn new(limits: Limits, clients: Clients, services: Arc<Services>, instruments: Instruments) -> Self {
        Self {
            limits,
            services,
            instruments,
            state: Mutex::new(State {
                filling: Filling::default(),
                clients,
                rotations: VecDeque::new(),
                closed: false,
                blocked: false,
            }),
            work: Condvar::new(),
            room: Notify::new(),
            has_room: AtomicBool::new(true),
            released: watch::Sender::new(0),
        }
    }

    /// Whether a connection may read. It may overshoot by the chunk it reads.
    pub(crate) fn has_room(&self) -> bool {
        self.has_room.load(Ordering::Acquire)
    }

    /// Waits until a connection may read.
    pub(crate) async fn room(&self) {
        loop {
            let changed = self.room.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.has_room() {
                return;
            }
            changed.await;
        }
    }

    /// Hands over a chunk; `input` is what its spans point into. Says in which batch it is.
    pub(crate) fn push(&self, chunk: &mut Chunk, input: &[u8], session: Option<&Session>) -> Result<u64, Superseded> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if let Some(session) = session {
            state.clients.consume(session, chunk.lines, &mut state.filling.batch.clients)?;
        }
        self.services.list(&chunk.fresh, &mut state.filling.batch.services);
        self.instruments.received_messages.inc_by(chunk.messages + chunk.rejected.total());
        let waiting = state.filling.items;
        state.filling.take(chunk, input);
        if state.filling.items > waiting && (waiting == 0 || self.is_due(&state.filling)) {
            self.work.notify_one();
        }
        self.look_for_room(state);
        Ok(state.filling.number)
    }

    /// Waits until this batch, of which something was pushed as awaited, is released.
    pub(crate) async fn released(&self, batch: u64) {
        let mut released = self.released.subscribe();
        // The sender lives as long as this buffer.
        let _ = released.wait_for(|released| *released > batch).await;
    }

    /// Makes a new connection the one that counts for `client`.
    pub(crate) fn take_over(&self, client: &ClientId) -> Result<Session, TooManyClients> {
        self.state.lock().clients.take_over(client)
    }

    /// A connection that counted for a client is gone.
    pub(crate) fn leave(&self, session: &Session) {
        self.state.lock().clients.leave(session);
    }

    /// How many clients are remembered.
    pub(crate) fn clients(&self) -> usize {
        self.state.lock().clients.len()
    }

    /// How much waits for the writer: items and bytes.
    pub(crate) fn waiting(&self) -> (u64, usize) {
        let state = self.state.lock();
        (state.filling.items, state.filling.weight())
    }

    /// Tells these clients' connections that this much is durable, and who awaits it that this batch is, with all
    /// before it.
    pub(crate) fn release(&self, counts: &[(ClientId, ClientCount)], awaited: Option<u64>) {
        if !counts.is_empty() {
            self.state.lock().clients.release(counts);
        }
        if let Some(batch) = awaited {
            self.released.send_replace(batch + 1);
        }
    }

    /// Asks the writer to rotate between two commits. Answers with the cut.
    pub(crate) fn rotate(&self, tick: Micros) -> oneshot::Receiver<Position> {
        let (done, cut) = oneshot::channel();
        let mut state = self.state.lock();
        if !state.closed {
            state.rotations.push_back(Rotation { tick, done });
        }
        self.work.notify_one();
        cut
    }

    /// Waits for the writer's next work. What is to be committed is swapped
    /// for `buffer`, which is empty.
    pub(crate) fn next(&self, buffer: &mut Filling) -> Work {
        let mut state = self.state.lock();
        loop {
            if let Some(rotation) = state.rotations.pop_front() {
                return Work::Rotate(rotation);
            }
            let waits = state.filling.since;
            match waits {
                Some(_) if state.closed || self.is_due(&state.filling) => {
                    std::mem::swap(&mut state.filling, buffer);
                    state.filling.number = buffer.number + 1;
                    self.look_for_room(&state);
                    return Work::Commit;
                }
                Some(since) => {
                    self.work.wait_until(&mut state, since + self.limits.linger);
                }
                None if state.closed => return Work::End,
                None => self.work.wait(&mut state),
            }
        }
    }

    /// Nothing more comes: the writer ends once it has committed what waits.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.work.notify_one();
    }

    /// The writer has ended: what was asked of it will not be answered.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.rotations.clear();
    }

    /// Waits until `limit` has passed or the buffer is closed, which it tells.
    pub(crate) fn pause(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        while !state.closed && !self.work.wait_until(&mut state, deadline).timed_out() {}
        state.closed
    }

    /// Stops all reading, or lets it go on.
    pub(crate) fn block(&self, blocked: bool) {
        let mut state = self.state.lock();
        state.blocked = blocked;
        self.look_for_room(&state);
    }

    fn is_due(&self, filling: &Filling) -> bool {
        filling.items >= self.limits.items
            || filling.weight() >= self.limits.bytes
            || filling.since.is_some_and(|since| since.elapsed() >= self.limits.linger)
    }

    fn look_for_room(&self, state: &State) {
        let room = !state.blocked && state.filling.weight() < self.limits.bytes;
        if self.has_room.swap(room, Ordering::AcqRel) != room && room {
            self.room.notify_waiters();
        }
    }
}

impl Filling {
    fn take(&mut self, chunk: &mut Chunk, input: &[u8]) {
        let batch = &mut self.batch;
        for span in &chunk.spans {
            batch.log.extend_from_slice(&input[span.clone()]);
            batch.log.push(b'\n');
        }
        batch.queue.extend_from_slice(&chunk.queue);
        batch.messages += chunk.messages;
        batch.least = batch.least.min(chunk.least);
        batch.greatest = batch.greatest.max(chunk.greatest);
        batch.rejected.merge(&chunk.rejected);
        self.rows.append(&mut chunk.rows);
        let room = SAMPLES.saturating_sub(self.samples.len());
        self.samples.extend(chunk.samples.drain(..).take(room));
        self.awaited |= chunk.awaited;
        self.items += chunk.items();
        if self.items > 0 && self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    /// Makes it empty again; its vectors keep their capacity.
    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.rows.clear();
        self.samples.clear();
        self.awaited = false;
        self.items = 0;
        self.since = None;
    }

    /// Its number, if somebody waits for it.
    pub(crate) fn awaited(&self) -> Option<u64> {
        self.awaited.then_some(self.number)
    }

    fn weight(&self) -> usize {
        self.batch.log.len() + self.batch.queue.len()
    }
}

#[cfg(test)]
mod tests;
