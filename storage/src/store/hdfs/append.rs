//! Appending: to the part that this process writes, or to a new one.
//!
//! Enters: bytes and the length at which they go. Leaves: those bytes on the
//! disks of every data node that the part's block has, and the part open for
//! more.
//!
//! What must hold:
//! - **A part has one writer, which has never been another.** What is not known
//!   to be open here is closed before anything is said about its length: its
//!   lease is recovered, after which nobody appends to it any more, and whoever
//!   wrote it is refused.
//! - **A part takes its name with its first bytes in it**, synced, and takes it
//!   once. So none is empty, and of two that begin one at the same length one
//!   is told the length that the other made.
//! - **Whatever goes wrong, the writer is given up**: its next append looks what
//!   is there, as after a crash.
//! - **No block is left unsynced behind one that is**: what is written is cut
//!   where a block ends, and synced there.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hdfs_native::HdfsError;
use hdfs_native::file::FileWriter;

use super::answer::{answered, closed, written};
use super::error::{Kind, kind};
use super::look::Shape;
use super::publish::abandon;
use super::{HdfsFailure, HdfsStore, PATIENCE, PAUSE};
use crate::publish::Created;
use crate::store::{Key, parts};

/// The longest time between two looks at a lease.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A part that this process writes; given up where it is dropped.
pub(super) struct OpenPart {
    writer: FileWriter,
    /// Where the file ends.
    end: u64,
    room: Room,
}

impl OpenPart {
    /// Has every data node sync these bytes behind what there is.
    async fn append(&mut self, mut bytes: Bytes) -> Result<(), HdfsError> {
        self.end += bytes.len() as u64;
        self.room.write(&mut self.writer, &mut bytes).await
    }
}

/// What the block being written still takes.
#[derive(Clone, Copy)]
pub(super) struct Room {
    left: u64,
    /// Bytes in a block.
    block: u64,
}

impl Room {
    /// A new file's.
    pub(super) fn of_block(block: u64) -> Self {
        Self { left: block, block }
    }

    /// Writes these bytes and has every data node sync them, block by block. What is left of them has not been written.
    pub(super) async fn write(&mut self, writer: &mut FileWriter, bytes: &mut Bytes) -> Result<(), HdfsError> {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.left = self.block;
            }
            let piece = bytes.split_to(bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
            self.left -= piece.len() as u64;
            let writing = async {
                writer.write_bytes(piece.clone()).await?;
                writer.hsync().await
            };
            written(piece.len(), writing).await?;
        }
        Ok(())
    }
}

impl HdfsStore {
    /// Appends if the file is `expected` bytes long, absent being 0. Returns
    /// how long it was, or, where another append came between, is.
    pub(super) async fn append_at(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<u64, HdfsFailure> {
        match self.take_open(key) {
            Some(Some(mut part)) if part.end == expected => {
                part.append(bytes).await?;
                self.open.lock().insert(key.clone(), Some(part));
                Ok(expected)
            }
            Some(part) => {
                self.close_part(key, part).await?;
                self.append_anew(key, expected, bytes).await
            }
            None => self.append_anew(key, expected, bytes).await,
        }
    }

    /// The same with a part of its own.
    async fn append_anew(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<u64, HdfsFailure> {
        let shape = self.settled(key).await?;
        let found = shape.as_ref().map_or(0, Shape::length);
        if found != expected || bytes.is_empty() {
            return Ok(found);
        }
        let path = match shape {
            None => self.path(key),
            Some(_) => self.below(&parts::object(key, expected)),
        };
        if self.begin(key, expected, &path, bytes).await? == Created::Created {
            return Ok(expected);
        }
        match self.settled(key).await?.map_or(0, |shape| shape.length()) {
            found if found == expected => Err(HdfsFailure::Busy),
            found => Ok(found),
        }
    }

    /// Closes the part that this process writes, or gave up, if there is one.
    pub(super) async fn close_open(&self, key: &Key) -> Result<(), HdfsFailure> {
        match self.take_open(key) {
            Some(part) => self.close_part(key, part).await,
            None => Ok(()),
        }
    }

    async fn close_part(&self, key: &Key, part: Option<OpenPart>) -> Result<(), HdfsFailure> {
        let was_closed = match part {
            Some(mut part) => closed(&mut part.writer).await.is_ok(),
            None => false,
        };
        if !was_closed {
            self.settled(key).await?;
        }
        self.open.lock().remove(key);
        Ok(())
    }

    /// The part of this file that this process writes. Unless it is put back it counts as given up, also where the
    /// caller is cancelled: then the inner one is `None`, until the part is known to be closed.
    fn take_open(&self, key: &Key) -> Option<Option<OpenPart>> {
        self.open.lock().get_mut(key).map(Option::take)
    }

    /// Begins the part of this path, which starts at `start`; left open where it can be synced.
    async fn begin(&self, key: &Key, start: u64, path: &str, bytes: Bytes) -> Result<Created, HdfsFailure> {
        let end = start + bytes.len() as u64;
        let mut begun = self.write_temporary(path, bytes).await?;
        let Some(room) = begun.room else {
            self.close_temporary(&mut begun).await?;
            return self.take_name(&begun.path, path, false).await;
        };
        // From here on it may have its name.
        self.open.lock().insert(key.clone(), None);
        let created = match self.take_name(&begun.path, path, false).await {
            Ok(Created::Created) => {
                self.open.lock().insert(key.clone(), Some(OpenPart { writer: begun.writer, end, room }));
                return Ok(Created::Created);
            }
            other => other,
        };
        abandon(&mut begun.writer).await;
        created
    }

    /// What the file is made of once nobody writes any of its parts; `None` without the file.
    async fn settled(&self, key: &Key) -> Result<Option<Shape>, HdfsFailure> {
        let mut settled = None;
        loop {
            let Some(shape) = self.look(key).await? else { return Ok(None) };
            let last = self.path_of_last(key, &shape);
            // Another may have begun one meanwhile.
            if settled.as_ref() == Some(&last) {
                self.open.lock().remove(key);
                return Ok(Some(shape));
            }
            self.recover(&last).await?;
            settled = Some(last);
        }
    }

    /// Takes a file's lease from whoever has it, and waits until it is closed.
    pub(super) async fn recover(&self, path: &str) -> Result<(), HdfsFailure> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = PAUSE;
        loop {
            match answered(self.client.recover_lease(path)).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => match kind(&error) {
                    Kind::Leased => {}
                    // Only a reading call connects again.
                    Kind::Lost => drop(self.length_of(path).await?),
                    _ => return Err(error.into()),
                },
            }
            if Instant::now() > deadline {
                return Err(HdfsFailure::Busy);
            }
            // The name node takes up a recovery that failed only after thirty heartbeats: no use in asking often.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
