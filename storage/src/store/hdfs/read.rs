//! Reading.

use std::ops::Range;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hdfs_native::HdfsError;
use hdfs_native::file::FileReader;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use super::answer::answered;
use super::{HdfsFailure, HdfsStore, PATIENCE, PAUSE};
use crate::store::parts::{self, Part};
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

/// Reading.
impl HdfsStore {
    /// The bytes of `range` as far as the file has them.
    pub(super) async fn read_stretch(&self, key: &Key, range: Range<u64>) -> Result<Bytes, HdfsFailure> {
        let mut stretches = Vec::new();
        for (reader, Range { start, end }) in self.open_stretch(key, range).await? {
            stretches.push(reader.read_range(start, end - start).await?);
        }
        Ok(parts::joined(stretches))
    }

    /// The same, as the data nodes send it: while one packet is worked on the
    /// next are on their way.
    pub(super) async fn stream_stretch<'a>(&self, key: &'a Key, range: Range<u64>) -> Result<Packets<'a>, HdfsFailure> {
        let stretches = stream::iter(self.open_stretch(key, range).await?);
        let packets = stretches.flat_map(|(reader, Range { start, end })| reader.read_range_stream(start, end - start));
        Ok(Packets::new(key, packets))
    }

    /// Opens the parts that have bytes of `range`, and says which of theirs.
    async fn open_stretch(&self, key: &Key, range: Range<u64>) -> Result<Vec<(FileReader, Range<usize>)>, HdfsFailure> {
        self.close_open(key).await?;
        let first = self.open_part(&self.path(key), range.end).await?;
        let end = first.file_length() as u64;
        let mut opened = vec![(Part { start: 0, end }, first)];
        let further = if end < range.end { self.parts_from(key, end).await? } else { Vec::new() };
        for part in further.into_iter().filter(|part| !part.stretch(&range).is_empty()) {
            let wanted = range.end.saturating_sub(part.start);
            let reader = self.open_part(&self.path_of(key, Some(&part)), wanted).await?;
            opened.push((Part { end: part.start + reader.file_length() as u64, ..part }, reader));
        }
        let stretches = opened.into_iter().map(|(part, reader)| {
            let Range { start, end } = part.stretch(&range);
            (reader, start as usize..end as usize)
        });
        Ok(stretches.filter(|(_, stretch)| !stretch.is_empty()).collect())
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
