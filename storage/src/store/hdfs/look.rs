//! Looking: what files there are, what they are made of, and how long they are.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdfs_native::HdfsError;
use hdfs_native::client::FileStatus;

use super::answer::answered;
use super::error::{Kind, kind};
use super::{HdfsFailure, HdfsStore};
use crate::publish::is_temporary;
use crate::store::key::is_part;
use crate::store::parts::{self, Object, Part};
use crate::store::{Key, Listed};

/// What a file is made of.
pub(super) struct Shape {
    /// The length of the file of that very name.
    first: u64,
    /// Its further parts.
    more: Vec<Part>,
}

impl Shape {
    /// The file's length.
    pub(super) fn length(&self) -> u64 {
        self.more.last().map_or(self.first, |last| last.end)
    }
}

/// Looking.
impl HdfsStore {
    /// What the file is made of now; `None` without the file.
    pub(super) async fn look(&self, key: &Key) -> Result<Option<Shape>, HdfsFailure> {
        let Some(first) = self.length_of(&self.path(key)).await? else { return Ok(None) };
        Ok(Some(Shape { first, more: self.parts_from(key, first).await? }))
    }

    /// The file's parts from `start` on.
    pub(super) async fn parts_from(&self, key: &Key, start: u64) -> Result<Vec<Part>, HdfsFailure> {
        let folder = parts::folder(key);
        let statuses = self.statuses_if_any(&self.below(&folder)).await?;
        let parts = statuses.iter().filter_map(|status| {
            let name = status.path.rsplit('/').next()?;
            match parts::parse(&format!("{folder}/{name}"))? {
                Object::Part(_, start) => Some(Part { start, end: start.saturating_add(status.length as u64) }),
                Object::Whole(_) => None,
            }
        });
        Ok(parts::run(start, parts.collect()))
    }

    /// The path of the file's last part.
    pub(super) fn path_of_last(&self, key: &Key, shape: &Shape) -> String {
        self.path_of(key, shape.more.last())
    }

    pub(super) fn path_of(&self, key: &Key, part: Option<&Part>) -> String {
        part.map_or_else(|| self.path(key), |part| self.below(&parts::object(key, part.start)))
    }

    /// The file's length, its writer here included; `None` without the file.
    pub(super) async fn length_now(&self, key: &Key) -> Result<Option<u64>, HdfsFailure> {
        Ok(self.look(key).await?.map(|shape| shape.length()))
    }

    /// How much of the file a reader need not wait for; what this process writes is closed for its readers.
    pub(super) async fn served_now(&self, key: &Key) -> Result<Option<u64>, HdfsFailure> {
        self.close_open(key).await?;
        let Some(shape) = self.look(key).await? else { return Ok(None) };
        let start = shape.more.last().map_or(0, |last| last.start);
        let last = answered(self.client.read(&self.path_of_last(key, &shape))).await?;
        Ok(Some(start + last.file_length() as u64))
    }

    /// The length of the file of this path; `None` without it.
    pub(super) async fn length_of(&self, path: &str) -> Result<Option<u64>, HdfsFailure> {
        match answered(self.client.get_file_info(path)).await {
            Ok(status) => Ok(Some(status.length as u64)),
            Err(error) if kind(&error) == Kind::Absent => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Listing, and what is removed by what it shows.
impl HdfsStore {
    /// Every file below the folder, sorted.
    pub(super) async fn list_below(&self, prefix: &Key) -> Result<Vec<Listed>, HdfsFailure> {
        let (mut listed, mut grown) = (BTreeMap::new(), Vec::new());
        let mut folders = vec![self.path(prefix)];
        while let Some(folder) = folders.pop() {
            for status in self.statuses_if_any(&folder).await? {
                let Some(name) = self.name_below(&folder, &status) else { continue };
                match (Key::new(&name), status.isdir) {
                    (Ok(key), true) => folders.push(self.path(&key)),
                    (Ok(key), false) => drop(listed.insert(key, status.length as u64)),
                    (Err(_), _) => grown.extend(parts::grown(&name)),
                }
            }
        }
        for key in grown {
            if let Some(len) = listed.get_mut(&key) {
                *len = self.parts_from(&key, *len).await?.last().map_or(*len, |last| last.end);
            }
        }
        Ok(listed.into_iter().map(|(key, len)| Listed { key, len }).collect())
    }

    /// The name, below the root, of what is in a folder.
    fn name_below(&self, folder: &str, status: &FileStatus) -> Option<String> {
        let name = status.path.rsplit('/').next()?;
        let folder = folder.strip_prefix(&self.root)?.trim_matches('/');
        Some(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
    }

    /// The names of the folders in the folder, sorted.
    pub(super) async fn folders_in(&self, prefix: &Key) -> Result<Vec<String>, HdfsFailure> {
        let statuses = self.statuses_if_any(&self.path(prefix)).await?;
        let names = statuses.iter().filter(|status| status.isdir).filter_map(|status| status.path.rsplit('/').next());
        let mut folders: Vec<String> = names.filter(|name| is_part(name)).map(str::to_owned).collect();
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

    /// Deletes a file's parts, the first one last: what is left meanwhile is a prefix.
    pub(super) async fn delete_all(&self, key: &Key) -> Result<(), HdfsFailure> {
        // Whatever became of that: it goes.
        let _ = self.close_open(key).await;
        self.open.lock().remove(key);
        answered(self.client.delete(&self.below(&parts::folder(key)), true)).await?;
        answered(self.client.delete(&self.path(key), false)).await?;
        Ok(())
    }

    /// What is in a folder; nothing without the folder.
    async fn statuses_if_any(&self, path: &str) -> Result<Vec<FileStatus>, HdfsFailure> {
        match self.statuses(path, false).await {
            Ok(statuses) => Ok(statuses),
            Err(error) if kind(&error) == Kind::Absent => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
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
