//! A file's bytes: what programs see, what is durable, and what is between.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// Bytes that a disk writes as one, or not at all.
const SECTOR: usize = 512;

/// The content of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// What programs see.
    cached: Vec<u8>,
    /// What was on the disk at the last sync.
    durable: Vec<u8>,
    /// What was done since, in order.
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
    Lengthen { length: usize },
}

impl Content {
    /// A file found on a disk: all of it is durable.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { cached: bytes.clone(), durable: bytes, unsynced: Vec::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.cached.len() as u64
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> usize {
        let start = self.cached.len().min(offset as usize);
        let count = buffer.len().min(self.cached.len() - start);
        buffer[..count].copy_from_slice(&self.cached[start..start + count]);
        count
    }

    pub(super) fn write_at(&mut self, bytes: &[u8], offset: u64) {
        self.change(Change::Write { offset: offset as usize, bytes: bytes.to_vec() });
    }

    pub(super) fn truncate(&mut self, length: u64) {
        self.change(Change::Truncate { length: length as usize });
    }

    /// Does nothing to a file that is as long already.
    pub(super) fn lengthen(&mut self, length: u64) {
        self.change(Change::Lengthen { length: length as usize });
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that failed: what chance wrote is durable, the rest is lost, and
    /// nothing is dirty any more. The cache keeps its length, and either its
    /// bytes or those of the disk.
    pub(super) fn lie(&mut self, rng: &mut StdRng) {
        self.durable = self.after_power_loss(rng);
        self.unsynced.clear();
        if rng.random() {
            let length = self.cached.len();
            self.cached.clone_from(&self.durable);
            self.cached.resize(length, 0);
        }
    }

    /// What a power loss leaves.
    pub(super) fn after_power_loss(&self, rng: &mut StdRng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let all = self.unsynced.len();
        match rng.random_range(0..5) {
            0 => {}
            1 => self.unsynced.iter().for_each(|change| change.apply(&mut bytes)),
            2 => {
                let whole = rng.random_range(0..=all);
                self.unsynced[..whole].iter().for_each(|change| change.apply(&mut bytes));
                if let Some(change) = self.unsynced.get(whole) {
                    change.tear(&mut bytes, rng);
                }
            }
            _ => {
                for change in &self.unsynced {
                    match rng.random_range(0..3) {
                        0 => {}
                        1 => change.apply(&mut bytes),
                        _ => change.tear(&mut bytes, rng),
                    }
                }
            }
        }
        bytes
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.cached);
        self.unsynced.push(change);
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write(file, *offset, bytes),
            Self::Truncate { length } => file.resize(*length, 0),
            Self::Lengthen { length } => file.resize(file.len().max(*length), 0),
        }
    }

    /// Does a part of a write; changes of the length happen or not.
    fn tear(&self, file: &mut Vec<u8>, rng: &mut StdRng) {
        let Self::Write { offset, bytes } = self else {
            if rng.random() {
                self.apply(file);
            }
            return;
        };
        let end = offset + bytes.len();
        if rng.random() {
            file.resize(file.len().max(end), 0);
        }
        match rng.random_range(0..4) {
            0 => {}
            1 => write(file, *offset, &bytes[..rng.random_range(0..=bytes.len())]),
            2 => {
                let from = rng.random_range(0..=bytes.len());
                write(file, offset + from, &bytes[from..]);
            }
            _ => write_some_sectors(file, *offset, bytes, rng),
        }
    }
}

fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

fn write_some_sectors(file: &mut Vec<u8>, offset: usize, bytes: &[u8], rng: &mut impl Rng) {
    let end = offset + bytes.len();
    let mut start = offset;
    while start < end {
        let next = ((start / SECTOR + 1) * SECTOR).min(end);
        if rng.random() {
            write(file, start, &bytes[start - offset..next - offset]);
        }
        start = next;
    }
}
