//! The quarantine of imports: a sample of rejected lines for people, beside the monitor's.
//!
//! # Format
//! `quarantine/date=YYYY-MM-DD-import.ndjson`, by the date of the import, one object a line, as the monitor writes
//! them: `{"time","peer","reason","line"}`; `peer` is the file's name. Never synced, at most `quarantine.bytes` a day.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use log::import::Rejected;
use schema::Micros;

use crate::open::Place;

/// Bytes of a rejected line that are kept.
const KEPT: usize = 1024;

/// Where an import's rejected lines go.
#[derive(Debug)]
pub(super) struct Quarantine {
    file: Option<File>,
    room: u64,
    time: Micros,
    peer: String,
}

impl Quarantine {
    /// Opens the file of the day of `now`.
    pub(super) fn open(place: &Place, now: Micros, input: &Path, bytes_a_day: u64) -> Result<Self> {
        let folder = place.folder.quarantine_folder();
        place.disk.create_folders(&folder)?;
        let path = folder.join(format!("date={}-import.ndjson", now.date()));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let length = file.metadata().map_or(0, |found| found.len());
        Ok(Self {
            file: Some(file),
            room: bytes_a_day.saturating_sub(length),
            time: now,
            peer: input.display().to_string(),
        })
    }

    /// Keeps one, if there is room. It is a sample: one that cannot be written is no failure.
    pub(super) fn keep(&mut self, rejected: &Rejected) {
        let Some(file) = &mut self.file else { return };
        let line = &rejected.line[..rejected.line.len().min(KEPT)];
        let kept = serde_json::json!({
            "time": self.time.to_string(),
            "peer": self.peer,
            "reason": rejected.reason.as_str(),
            "line": String::from_utf8_lossy(line),
        });
        let text = format!("{kept}\n");
        if self.room < text.len() as u64 || file.write_all(text.as_bytes()).is_err() {
            self.file = None;
            return;
        }
        self.room -= text.len() as u64;
    }
}
