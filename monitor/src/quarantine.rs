//! The quarantine: a sample of rejected lines, for people.
//!
//! # Format
//! `quarantine/date=YYYY-MM-DD.ndjson`, by UTC arrival date, one object a line:
//! `{"time":"2026-11-21T08:15:00.000000Z","peer":"127.0.0.1:40112","reason":"invalid_json","line":"…"}`.
//! `line` holds the rejected bytes up to [`KEPT`], with U+FFFD for what is not
//! UTF-8.
//!
//! A day's file stays within `quarantine.bytes` and is never synced: the
//! journal's counts are exact, this is for looking at. It is written by the
//! writer, after the commit that counts the lines.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use schema::{Date, Micros, Reject};
use serde::Serialize;
use storage::layout::DataFolder;
use storage::{Disk, DiskFile, Mode};

/// Bytes of a rejected line that are kept.
pub(crate) const KEPT: usize = 1024;

/// A rejected line, as it came.
#[derive(Clone)]
pub(crate) struct Sample {
    /// When it was read.
    pub(crate) time: Micros,
    /// Who sent it.
    pub(crate) peer: SocketAddr,
    /// Why it was rejected.
    pub(crate) reason: Reject,
    /// Its first bytes.
    pub(crate) line: Box<[u8]>,
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.reason.as_str(), self.peer)
    }
}

/// Where samples go.
#[derive(Debug)]
pub(crate) struct Quarantine {
    disk: Arc<dyn Disk>,
    folder: DataFolder,
    /// `quarantine.bytes`.
    bytes_a_day: u64,
    day: Option<Day>,
}

#[derive(Debug)]
struct Day {
    date: Date,
    file: Arc<dyn DiskFile>,
    length: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    peer: SocketAddr,
    reason: &'a str,
    line: &'a str,
}

impl Quarantine {
    /// The quarantine of a data folder.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: DataFolder, bytes_a_day: u64) -> Self {
        Self { disk, folder, bytes_a_day, day: None }
    }

    /// Keeps as many of these as the day has room for. What cannot be written
    /// is lost, and that is fine.
    pub(crate) fn keep(&mut self, samples: &[Sample], today: Date) {
        if samples.is_empty() {
            return;
        }
        if let Err(error) = self.write(samples, today) {
            self.day = None;
            tracing::debug!(%error, "quarantine not written");
        }
    }

    fn write(&mut self, samples: &[Sample], today: Date) -> io::Result<()> {
        let limit = self.bytes_a_day;
        let day = self.day(today)?;
        let mut lines = Vec::new();
        for sample in samples {
            let before = lines.len();
            sample.encode(&mut lines)?;
            if day.length + lines.len() as u64 > limit {
                lines.truncate(before);
                break;
            }
        }
        day.file.write_at(&lines, day.length)?;
        day.length += lines.len() as u64;
        Ok(())
    }

    fn day(&mut self, date: Date) -> io::Result<&mut Day> {
        let open = match self.day.take() {
            Some(day) if day.date == date => day,
            _ => self.open(date)?,
        };
        Ok(self.day.insert(open))
    }

    fn open(&self, date: Date) -> io::Result<Day> {
        self.disk.create_folders(&self.folder.quarantine_folder())?;
        let file = self.disk.open(&self.folder.quarantine(date), Mode::Write)?;
        let length = file.len()?;
        Ok(Day { date, file, length })
    }
}

impl Sample {
    fn encode(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let line = Line {
            time: self.time.to_string(),
            peer: self.peer,
            reason: self.reason.as_str(),
            line: &String::from_utf8_lossy(&self.line),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.push(b'\n');
        Ok(())
    }
}
