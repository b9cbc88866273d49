//! Listing: what lies in a monitor's folders, by what the names say.

use std::io;
use std::path::{Path, PathBuf};

use schema::{Date, Generation, MonitorId};
use storage::layout::{self, DataFolder, DatedName};
use storage::{Disk, Entry};

use crate::error::LogError;

/// All generations that have a journal, in order.
pub(crate) fn journals(disk: &dyn Disk, folder: &DataFolder) -> Result<Vec<Generation>, LogError> {
    let entries = list_or_empty(disk, &folder.journals())?;
    let mut journals: Vec<_> = entries.iter().filter_map(|entry| layout::parse_journal(&entry.name)).collect();
    journals.sort_unstable();
    Ok(journals)
}

/// A log file as its folder lists it.
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    pub(crate) id: MonitorId,
    pub(crate) seq: u64,
    pub(crate) date: Date,
    pub(crate) len: u64,
}

/// All log files.
pub(crate) fn log_files(disk: &dyn Disk, folder: &DataFolder) -> Result<Vec<LogFile>, LogError> {
    let mut files = Vec::new();
    for day in list_or_empty(disk, &folder.logs())? {
        let date = day.name.strip_prefix("date=").and_then(|date| date.parse().ok());
        let Some(date) = date.filter(|_| day.is_dir) else { continue };
        for entry in list_or_empty(disk, &folder.log_day(date))? {
            if let Some(DatedName::Log { id, seq }) = DatedName::parse(&entry.name) {
                files.push(LogFile { path: folder.log_file(date, &id, seq), id, seq, date, len: entry.len });
            }
        }
    }
    Ok(files)
}

pub(crate) fn list_or_empty(disk: &dyn Disk, folder: &Path) -> Result<Vec<Entry>, LogError> {
    match disk.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => Ok(listed?),
    }
}
