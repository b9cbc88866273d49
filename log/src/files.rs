//! Log files: what is known of each without reading it, and pieces of them.
//!
//! # Format
//! `log/date=YYYY-MM-DD/<monitor>-<seq:010>.ndjson`: one accepted message a
//! line, from its `{` to its `}`, then `\n`; nothing else. The date is the UTC
//! day of arrival. A file holds one date and one generation, and is committed
//! up to the position of the journal's last good record; what follows it has
//! never been acknowledged.

use std::cmp::Ordering;
use std::ops::Range;
use std::path::PathBuf;

use schema::{Date, Micros, MonitorId, Position};
use serde::{Deserialize, Serialize};
use storage::layout::DataFolder;

use crate::checksum;
use crate::journal::Record;
use crate::mark::JournalMark;

/// What the journal knows of one log file, or of the committed part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// Its number among the monitor's files.
    pub seq: u64,
    /// The UTC date it belongs to.
    pub date: Date,
    /// Its committed length in bytes.
    pub length: u64,
    /// CRC-32C of the committed bytes.
    pub crc32c: u32,
    /// The messages in it.
    pub messages: u64,
    /// Their least Timestamp.
    pub least: Micros,
    /// Their greatest Timestamp.
    pub greatest: Micros,
}

/// A piece of a log file: whole lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSlice {
    /// The file.
    pub path: PathBuf,
    /// Its number.
    pub seq: u64,
    /// Its UTC date.
    pub date: Date,
    /// Which of its bytes.
    pub bytes: Range<u64>,
    /// What the journal says of the piece they are of.
    pub sealed: Sealed,
}

/// A stretch of a file whose checksum is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which bytes.
    pub bytes: Range<u64>,
    /// Their CRC-32C.
    pub crc32c: u32,
}

/// Which bytes of which log file; a [`LogSlice`] without its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPiece {
    /// The file's number.
    pub seq: u64,
    /// Its UTC date.
    pub date: Date,
    /// Which of its bytes: whole lines.
    pub bytes: Range<u64>,
    /// CRC-32C of those bytes.
    pub crc32c: u32,
    /// The messages in them.
    pub messages: u64,
}

impl LogPiece {
    /// All of a file.
    pub(crate) fn whole(file: &FileSummary) -> Self {
        let FileSummary { seq, date, length, crc32c, messages, .. } = *file;
        Self { seq, date, bytes: 0..length, crc32c, messages }
    }

    /// Nothing, at the end of the file that a mark is in.
    pub(crate) fn at(mark: &JournalMark) -> Option<Self> {
        let Position { seq, offset } = mark.position;
        (offset > 0).then_some(Self { seq, date: mark.date, bytes: offset..offset, crc32c: 0, messages: 0 })
    }

    /// Adds a record's bytes to the last of `pieces`, or as a new one.
    pub(crate) fn extend(pieces: &mut Vec<Self>, record: &Record) {
        if record.from == record.to {
            return;
        }
        match pieces.last_mut() {
            Some(piece) if piece.seq == record.seq => {
                let added = record.to - record.from;
                piece.crc32c = checksum::join(piece.crc32c, record.log_crc32c, added);
                piece.bytes.end = record.to;
                piece.messages += record.messages;
            }
            _ => pieces.push(Self {
                seq: record.seq,
                date: record.date,
                bytes: record.from..record.to,
                crc32c: record.log_crc32c,
                messages: record.messages,
            }),
        }
    }

    /// The part of it that lies in `range`, unless that is empty.
    pub(crate) fn within(&self, range: &Range<Position>, folder: &DataFolder, id: &MonitorId) -> Option<LogSlice> {
        let clamp = |position: Position| match position.seq.cmp(&self.seq) {
            Ordering::Less => self.bytes.start,
            Ordering::Equal => position.offset.clamp(self.bytes.start, self.bytes.end),
            Ordering::Greater => self.bytes.end,
        };
        let bytes = clamp(range.start)..clamp(range.end);
        let path = folder.log_file(self.date, id, self.seq);
        let sealed = Sealed { bytes: self.bytes.clone(), crc32c: self.crc32c };
        (!bytes.is_empty()).then_some(LogSlice { path, seq: self.seq, date: self.date, bytes, sealed })
    }
}

/// Adds a record's bytes to the file they are in: the last of `files`, or a new
/// one. The checksum is combined, no byte is read.
pub(crate) fn extend(files: &mut Vec<FileSummary>, record: &Record) {
    if record.from == record.to {
        return;
    }
    match files.last_mut() {
        Some(file) if file.seq == record.seq => {
            let added = record.to - record.from;
            file.crc32c = checksum::join(file.crc32c, record.log_crc32c, added);
            file.length = record.to;
            file.messages += record.messages;
            file.least = file.least.min(record.least);
            file.greatest = file.greatest.max(record.greatest);
        }
        _ => files.push(FileSummary {
            seq: record.seq,
            date: record.date,
            length: record.to,
            crc32c: record.log_crc32c,
            messages: record.messages,
            least: record.least,
            greatest: record.greatest,
        }),
    }
}

/// The first position of the file after `position`'s, or `position` itself
/// where that file has not begun.
pub(crate) fn next_file(position: Position) -> Position {
    let seq = if position.offset == 0 { position.seq } else { position.seq + 1 };
    Position { seq, offset: 0 }
}
