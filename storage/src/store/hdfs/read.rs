//! Reading and listing.

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hdfs_native::HdfsError;
use hdfs_native::client::FileStatus;
use hdfs_native::file::FileReader;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use super::answer::answered;
use super::error::{Kind, kind};
use super::{HdfsFailure, HdfsStore, PATIENCE, PAUSE};
use crate::publish::is_temporary;
use crate::store::key::is_part;
use crate::store::{Key, Listed, Pieces, StoreError};

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

impl HdfsStore {
    /// The file's length, `None` without the file.
    pub(super) async fn length_of(&self, path: &str) -> Result<Option<u64>, HdfsFailure> {
        match answered(self.client.get_file_info(path)).await {
            Ok(status) => Ok(Some(status.length as u64)),
            Err(error) if kind(&error) == Kind::Absent => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes of `range` as far as the file has them.
    pub(super) async fn read_stretch(&self, path: &str, range: Range<u64>) -> Result<Bytes, HdfsFailure> {
        let (reader, start, length) = self.open_stretch(path, range).await?;
        Ok(reader.read_range(start, length).await?)
    }

    /// The same, as the data nodes send it: while one packet is worked on the
    /// next are on their way.
    pub(super) async fn stream_stretch<'a>(&self, key: &'a Key, range: Range<u64>) -> Result<Packets<'a>, HdfsFailure> {
        let (reader, start, length) = self.open_stretch(&self.path(key), range).await?;
        Ok(Packets::new(key, reader.read_range_stream(start, length)))
    }

    /// Opens a file that serves `range` as far as the file has it: where that
    /// begins and how long it is.
    async fn open_stretch(&self, path: &str, range: Range<u64>) -> Result<(FileReader, usize, usize), HdfsFailure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reader = answered(self.client.read(path)).await?;
            let served = reader.file_length() as u64;
            // Less is served than there is while the last block is being appended to.
            if served >= range.end || self.length_of(path).await?.is_none_or(|length| length <= served) {
                let (start, end) = (range.start.min(served), range.end.min(served));
                return Ok((reader, start as usize, end.saturating_sub(start) as usize));
            }
            if Instant::now() > deadline {
                return Err(HdfsFailure::Busy);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Every file below the folder, sorted.
    pub(super) async fn list_below(&self, prefix: &Key) -> Result<Vec<Listed>, HdfsFailure> {
        let mut listed = Vec::new();
        let mut folders = vec![prefix.clone()];
        while let Some(folder) = folders.pop() {
            for (name, status) in self.entries(&folder).await? {
                let key = folder.push(&name);
                if status.isdir {
                    folders.push(key);
                } else {
                    listed.push(Listed { key, len: status.length as u64 });
                }
            }
        }
        listed.sort();
        Ok(listed)
    }

    /// The names of the folders in the folder, sorted.
    pub(super) async fn folders_in(&self, prefix: &Key) -> Result<Vec<String>, HdfsFailure> {
        let entries = self.entries(prefix).await?;
        let mut folders: Vec<String> =
            entries.into_iter().filter(|(_, status)| status.isdir).map(|(name, _)| name).collect();
        folders.sort();
        Ok(folders)
    }

    /// Removes every temporary that has not changed for `age`, by the name
    /// node's times.
    pub(super) async fn remove_old(&self, age: Duration) -> Result<usize, HdfsFailure> {
        let files = match self.statuses(&self.path(&Key::root()), true).await {
            Ok(files) => files,
            Err(error) if kind(&error) == Kind::Absent => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        // By the name node's clock, as far as its times show it: ours may be ahead by days.
        let newest = files.iter().map(|file| Duration::from_millis(file.modification_time)).max().unwrap_or_default();
        let now = newest.min(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let mut removed = 0;
        for file in files.iter().filter(|file| !file.isdir) {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let old = now.saturating_sub(Duration::from_millis(file.modification_time));
            if is_temporary(name) && old >= age && answered(self.client.delete(&file.path, false)).await? {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// What is in a folder under a key's name; nothing without the folder.
    async fn entries(&self, folder: &Key) -> Result<Vec<(String, FileStatus)>, HdfsFailure> {
        let statuses = match self.statuses(&self.path(folder), false).await {
            Ok(statuses) => statuses,
            Err(error) if kind(&error) == Kind::Absent => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let named = statuses.into_iter().filter_map(|status| {
            let name = status.path.rsplit('/').next()?.to_owned();
            is_part(&name).then_some((name, status))
        });
        Ok(named.collect())
    }

    /// What is in a folder, or below it; each step within its time, however many there are.
    async fn statuses(&self, path: &str, recursive: bool) -> Result<Vec<FileStatus>, HdfsError> {
        let entries = self.client.list_status_iter(path, recursive);
        let mut statuses = Vec::new();
        while let Some(status) = answered(async { entries.next().await.transpose() }).await? {
            statuses.push(status);
        }
        Ok(statuses)
    }
}
