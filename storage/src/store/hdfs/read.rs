//! Reading.

use std::ops::Range;
use std::time::Instant;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use hdfs_native::HdfsError;
use hdfs_native::file::FileReader;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use super::answer::answered;
use super::{HdfsFailure, HdfsStore, PATIENCE, PAUSE};
use crate::store::{Key, Pieces, StoreError};

/// Packets, of 64 KiB mostly, that are handed over together: each time a thread is woken costs as much as a packet.
const TOGETHER: usize = 16;
/// How many times as many are read ahead.
const AHEAD: usize = 2;

/// A stretch of a file, packet by packet, read ahead by a task of its own.
pub(super) struct Packets<'a> {
    key: &'a Key,
    came: std::vec::IntoIter<Result<Bytes, HdfsError>>,
    coming: Receiver<Vec<Result<Bytes, HdfsError>>>,
    /// Until it has ended.
    task: Option<JoinHandle<()>>,
}

impl<'a> Packets<'a> {
    fn new(key: &'a Key, packets: impl Stream<Item = Result<Bytes, HdfsError>> + Send + 'static) -> Self {
        let (sender, coming) = channel(AHEAD);
        let task = tokio::spawn(async move {
            let mut together = packets.boxed().chunks(TOGETHER);
            while let Some(packets) = together.next().await {
                if sender.send(packets).await.is_err() {
                    return;
                }
            }
        });
        Packets { key, came: Vec::new().into_iter(), coming, task: Some(task) }
    }
}

impl Packets<'_> {
    /// Sees that the task has sent all there was.
    async fn ended(&mut self) -> Result<(), StoreError> {
        match self.task.take() {
            Some(task) => task.await.or_else(|failed| match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(aborted) => {
                    Err(HdfsFailure::from(HdfsError::from(std::io::Error::other(aborted))).of("read", self.key))
                }
            }),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Pieces for Packets<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            match self.came.next() {
                Some(Ok(packet)) if packet.is_empty() => {}
                Some(Ok(packet)) => return Ok(Some(packet)),
                Some(Err(error)) => return Err(HdfsFailure::from(error).of("read", self.key)),
                None => match self.coming.recv().await {
                    Some(packets) => self.came = packets.into_iter(),
                    None => return self.ended().await.map(|()| None),
                },
            }
        }
    }
}

impl Drop for Packets<'_> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A stretch of one part.
struct Piece {
    reader: FileReader,
    start: usize,
    length: usize,
}

/// Reading.
impl HdfsStore {
    /// The bytes of `range` as far as the file has them.
    pub(super) async fn read_stretch(&self, key: &Key, range: Range<u64>) -> Result<Bytes, HdfsFailure> {
        let pieces = self.open_stretch(key, range).await?;
        if let [piece] = &*pieces {
            return Ok(piece.reader.read_range(piece.start, piece.length).await?);
        }
        let mut whole = BytesMut::new();
        for piece in pieces {
            whole.extend_from_slice(&piece.reader.read_range(piece.start, piece.length).await?);
        }
        Ok(whole.freeze())
    }

    /// The same, as the data nodes send it: while one packet is worked on the
    /// next are on their way.
    pub(super) async fn stream_stretch<'a>(&self, key: &'a Key, range: Range<u64>) -> Result<Packets<'a>, HdfsFailure> {
        let pieces = self.open_stretch(key, range).await?;
        let packets = stream::iter(pieces).flat_map(|piece| piece.reader.read_range_stream(piece.start, piece.length));
        Ok(Packets::new(key, packets))
    }

    /// Opens the parts that have `range`, as far as the file has it.
    async fn open_stretch(&self, key: &Key, range: Range<u64>) -> Result<Vec<Piece>, HdfsFailure> {
        self.close_open(key).await?;
        let first = self.open_part(&self.path(key), range.end).await?;
        let mut at = first.file_length() as u64;
        let mut pieces = vec![piece(first, 0, &range)];
        if at < range.end {
            for part in self.parts_from(key, at).await? {
                let reader = self.open_part(&self.path_of(key, Some(&part)), range.end.saturating_sub(at)).await?;
                let length = reader.file_length() as u64;
                pieces.push(piece(reader, at, &range));
                at += length;
            }
        }
        pieces.retain(|piece| piece.length > 0);
        Ok(pieces)
    }

    /// Opens a part that serves what there is of its first `wanted` bytes.
    async fn open_part(&self, path: &str, wanted: u64) -> Result<FileReader, HdfsFailure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reader = answered(self.client.read(path)).await?;
            let served = reader.file_length() as u64;
            // Less is served than there is while the part is open.
            if served >= wanted || self.length_of(path).await?.is_none_or(|length| length <= served) {
                return Ok(reader);
            }
            if Instant::now() > deadline {
                return Err(HdfsFailure::Busy);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What a part that starts at `at` has of `range`.
fn piece(reader: FileReader, at: u64, range: &Range<u64>) -> Piece {
    let end = at + reader.file_length() as u64;
    let (from, to) = (range.start.clamp(at, end), range.end.clamp(at, end));
    Piece { reader, start: (from - at) as usize, length: to.saturating_sub(from) as usize }
}
