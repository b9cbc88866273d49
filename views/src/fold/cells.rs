//! The aggregates of a table by row number, in chunks that never move.
//!
//! What must hold: a row is as wide as the store has metrics; a new row is the
//! aggregate of no messages.

use schema::{MetricAggregate, Micros, Millionths};

/// Rows in one chunk.
const CHUNK: usize = 512;

/// Aggregates by row number.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) width: usize,
    pub(super) len: u32,
    chunks: Vec<Chunk>,
}

#[derive(Debug)]
struct Chunk {
    counts: Box<[u64]>,
    metrics: Box<[MetricAggregate]>,
}

impl Cells {
    pub(super) fn new(width: usize) -> Self {
        Cells { width, len: 0, chunks: Vec::new() }
    }

    pub(super) fn memory(&self) -> usize {
        self.chunks.len() * CHUNK * (size_of::<u64>() + self.width * size_of::<MetricAggregate>())
    }

    pub(super) fn push(&mut self) -> u32 {
        if self.len as usize == self.chunks.len() * CHUNK {
            self.chunks.push(Chunk {
                counts: vec![0; CHUNK].into_boxed_slice(),
                metrics: vec![MetricAggregate::EMPTY; CHUNK * self.width].into_boxed_slice(),
            });
        }
        self.len += 1;
        self.len - 1
    }

    #[inline]
    pub(super) fn get(&self, cell: u32) -> (u64, &[MetricAggregate]) {
        let (chunk, at) = (&self.chunks[cell as usize / CHUNK], cell as usize % CHUNK);
        (chunk.counts[at], &chunk.metrics[at * self.width..(at + 1) * self.width])
    }

    #[inline]
    fn get_mut(&mut self, cell: u32) -> (&mut u64, &mut [MetricAggregate]) {
        let (chunk, at) = (&mut self.chunks[cell as usize / CHUNK], cell as usize % CHUNK);
        (&mut chunk.counts[at], &mut chunk.metrics[at * self.width..(at + 1) * self.width])
    }

    #[inline]
    pub(super) fn add(&mut self, cell: u32, time: Micros, values: &[Millionths]) {
        let (count, metrics) = self.get_mut(cell);
        for (metric, &value) in metrics.iter_mut().zip(values) {
            metric.add(value, time);
        }
        *count += 1;
    }

    pub(super) fn merge(&mut self, cell: u32, msg_num: u64, other: &[MetricAggregate]) {
        let (count, metrics) = self.get_mut(cell);
        for (metric, other) in metrics.iter_mut().zip(other) {
            metric.merge(other);
        }
        *count += msg_num;
    }
}
