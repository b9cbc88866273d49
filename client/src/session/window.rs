//! The lines that are not acknowledged yet, kept so that they can be sent again.
//!
//! In: whole lines, acknowledgements, resumes. Out: the bytes to write next. No I/O. Must hold: lines number
//! themselves by order, from the first resume on; after a resume at `n` the next byte is the first of line `n + 1`;
//! a count that cannot be is an error, never a guess.

use std::collections::VecDeque;
use std::io::IoSlice;

use memchr::memchr_iter;
use tokio::time::Instant;

use crate::latency::Latency;

/// How many buffers of acknowledged lines are kept for the next ones.
const SPARE: usize = 4;

/// Consecutive lines that were handed over together.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// The number of the last line in here.
    last: u64,
    due: Instant,
}

/// A count from the monitor that cannot be: outside of `low..=high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible {
    pub(super) low: u64,
    pub(super) high: u64,
}

/// The lines between the highest acknowledged one and the last one handed over.
#[derive(Debug, Default)]
pub(super) struct Window {
    chunks: VecDeque<Chunk>,
    /// Bytes in `chunks`.
    bytes: usize,
    /// The chunk that is written next, and how much of it was.
    chunk: usize,
    offset: usize,
    acked: u64,
    last: u64,
    /// The highest line sent whole on an earlier connection.
    sent_before: u64,
    spare: Vec<Vec<u8>>,
}

impl Window {
    /// An empty window, its next line being `resume + 1`.
    pub(super) fn new(resume: u64) -> Self {
        Self { acked: resume, last: resume, sent_before: resume, ..Self::default() }
    }

    /// The highest acknowledged line.
    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    /// The last line handed over.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Bytes of lines in chunks not wholly acknowledged.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// An empty buffer, used before if there is one.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes whole lines; `due` is when they ought to be sent, from which their latency counts.
    pub(super) fn push(&mut self, bytes: Vec<u8>, due: Instant) {
        let lines = memchr_iter(b'\n', &bytes).count() as u64;
        if lines == 0 {
            return;
        }
        self.last += lines;
        self.bytes += bytes.len();
        self.chunks.push_back(Chunk { bytes, last: self.last, due });
    }

    /// Whether there is something to write.
    pub(super) fn pending(&self) -> bool {
        self.chunk < self.chunks.len()
    }

    /// What is to be written next, as far as `slices` goes; returns how many were filled.
    pub(super) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut offset = self.offset;
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.chunks.range(self.chunk..)) {
            *slice = IoSlice::new(&chunk.bytes[offset..]);
            offset = 0;
            filled += 1;
        }
        filled
    }

    /// Notes that the next `count` bytes were written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.offset += count;
        while let Some(chunk) = self.chunks.get(self.chunk)
            && self.offset >= chunk.bytes.len()
        {
            self.offset -= chunk.bytes.len();
            self.chunk += 1;
        }
    }

    /// Takes an acknowledgement of everything up to line `n`.
    ///
    /// # Errors
    /// If `n` is below the highest ack or above the highest line sent.
    pub(super) fn ack(&mut self, n: u64, now: Instant, latency: &mut Latency) -> Result<(), Impossible> {
        let (low, high) = (self.acked, self.sent());
        if !(low..=high).contains(&n) {
            return Err(Impossible { low, high });
        }
        while let Some(chunk) = self.chunks.front() {
            let upto = n.min(chunk.last);
            if upto > self.acked {
                latency.record(now.saturating_duration_since(chunk.due), upto - self.acked);
                self.acked = upto;
            }
            if chunk.last > n {
                break;
            }
            self.release();
        }
        Ok(())
    }

    /// Takes the `resume` of a new connection: writing goes on with line `n + 1`.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub(super) fn resume(&mut self, n: u64, now: Instant, latency: &mut Latency) -> Result<(), Impossible> {
        self.sent_before = self.sent();
        self.ack(n, now, latency)?;
        self.chunk = 0;
        self.offset = self.chunks.front().map_or(0, |chunk| {
            let first = chunk.last - memchr_iter(b'\n', &chunk.bytes).count() as u64;
            let settled = n - first;
            let end = settled.checked_sub(1).and_then(|i| memchr_iter(b'\n', &chunk.bytes).nth(i as usize));
            end.map_or(0, |end| end + 1)
        });
        Ok(())
    }

    /// The highest line of which every byte was written on some connection.
    pub(super) fn sent(&self) -> u64 {
        let before = self.chunk.checked_sub(1).and_then(|i| self.chunks.get(i)).map(|chunk| chunk.last);
        let begun = self.chunks.get(self.chunk).filter(|_| self.offset > 0).map(|chunk| {
            let rest = memchr_iter(b'\n', &chunk.bytes[self.offset..]).count() as u64;
            chunk.last - rest
        });
        begun.or(before).unwrap_or(self.acked).max(self.sent_before)
    }

    /// Drops the first chunk, which is wholly acknowledged.
    fn release(&mut self) {
        let Some(mut chunk) = self.chunks.pop_front() else { return };
        self.bytes -= chunk.bytes.len();
        match self.chunk.checked_sub(1) {
            Some(chunk) => self.chunk = chunk,
            // Acknowledged by a resume though this connection had not sent it yet.
            None => self.offset = 0,
        }
        if self.spare.len() < SPARE {
            chunk.bytes.clear();
            self.spare.push(chunk.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plainest window: every byte ever handed over, and how far the connection is.
    #[derive(Debug, Default)]
    struct Model {
        bytes: Vec<u8>,
        /// Where each line ends; the first one at 0, before line 1.
        ends: Vec<usize>,
        written: usize,
        furthest: usize,
        acked: usize,
    }

    impl Model {
        fn push(&mut self, lines: &[u8]) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(lines);
            self.ends.extend(memchr_iter(b'\n', lines).map(|end| start + end + 1));
        }

        fn sent(&self) -> usize {
            self.ends.iter().filter(|&&end| end <= self.furthest).count() - 1
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<usize>),
        Write(usize),
        Ack(usize),
        Resume(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            prop::collection::vec(0usize..12, 1..6).prop_map(Step::Push),
            (0usize..80).prop_map(Step::Write),
            (0usize..40).prop_map(Step::Ack),
            (0usize..40).prop_map(Step::Resume),
        ];
        prop::collection::vec(step, 1..60)
    }

    fn rest(window: &Window) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 100];
        let filled = window.fill(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    proptest! {
        #[test]
        fn a_window_sends_what_the_plainest_one_would(steps in steps(), before in 0u64..5) {
            let (now, mut latency) = (Instant::now(), Latency::default());
            let mut window = Window::new(before);
            let mut model = Model { ends: vec![0], ..Model::default() };
            for step in steps {
                match step {
                    Step::Push(lengths) => {
                        let lines: Vec<u8> = lengths.iter().flat_map(|&n| [vec![b'x'; n], vec![b'\n']].concat()).collect();
                        model.push(&lines);
                        window.push(lines, now);
                    }
                    Step::Write(count) => {
                        let count = count.min(model.bytes.len() - model.written);
                        model.written += count;
                        model.furthest = model.furthest.max(model.written);
                        window.wrote(count);
                    }
                    Step::Ack(more) => {
                        // On one connection a monitor acknowledges nothing beyond what it was sent there.
                        let n = model.acked + more;
                        let possible = n <= model.sent() && model.ends[n] <= model.written;
                        if possible || n > model.sent() {
                            prop_assert_eq!(window.ack(before + n as u64, now, &mut latency).is_ok(), possible);
                            model.acked = if possible { n } else { model.acked };
                        }
                    }
                    Step::Resume(more) => {
                        let n = (model.acked + more).saturating_sub(1);
                        let possible = (model.acked..=model.sent()).contains(&n);
                        prop_assert_eq!(window.resume(before + n as u64, now, &mut latency).is_ok(), possible);
                        if possible {
                            model.acked = n;
                            model.written = model.ends[n];
                        }
                    }
                }
                prop_assert_eq!(rest(&window), &model.bytes[model.written..]);
                prop_assert_eq!(window.pending(), model.written < model.bytes.len());
                prop_assert_eq!(window.acked(), before + model.acked as u64);
                prop_assert_eq!(window.sent(), before + model.sent() as u64);
                prop_assert_eq!(latency.count(), model.acked as u64);
            }
        }
    }
}
