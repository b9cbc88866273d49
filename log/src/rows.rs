//! Rows: from log bytes to queue rows.
//!
//! The one function that makes a queue a pure function of the log. Log bytes go
//! in, whole lines of accepted messages; rows come out. Clock and limits play
//! no part: acceptance is final.

use std::io;
use std::ops::Range;
use std::path::Path;

use schema::{Metrics, Next, Parser, queue_row};
use storage::{Disk, Mode};

use crate::error::LogError;
use crate::files::{LogSlice, Sealed};
use crate::window::Window;

/// Turns log bytes into queue rows.
#[derive(Debug)]
pub(crate) struct Rows {
    parser: Parser,
}

/// Log bytes parsed at a time.
const CHUNK: usize = 1 << 20;

impl Rows {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self { parser: Parser::new(metrics) }
    }

    /// Hands the rows of `slice` to `sink`, some lines at a time, and reads what is sealed around it. An error takes back
    /// every row that was handed out.
    pub(crate) fn of_slice<E: From<LogError>>(
        &mut self,
        disk: &dyn Disk,
        slice: &LogSlice,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let file = disk.open(&slice.path, Mode::Read).map_err(LogError::from)?;
        let mut window = Window::new(file, slice.sealed.bytes.start);
        let mut crc32c = skip(&mut window, slice.bytes.start, 0).map_err(LogError::from)?;
        let mut rows = Vec::new();
        while window.offset() < slice.bytes.end {
            let left = (slice.bytes.end - window.offset()) as usize;
            let seen = window.fill(left.min(CHUNK)).map_err(LogError::from)?;
            let seen = &seen[..seen.len().min(left)];
            let Some(last) = seen.iter().rposition(|byte| *byte == b'\n') else {
                return Err(LogError::corrupt(&slice.path, "it ends within a line").into());
            };
            rows.clear();
            self.of_lines(&seen[..=last], &slice.path, &mut rows)?;
            crc32c = crc32c::crc32c_append(crc32c, &seen[..=last]);
            window.consume(last + 1);
            sink(&rows)?;
        }
        let Sealed { bytes: Range { start, end }, crc32c: sealed } = slice.sealed.clone();
        if skip(&mut window, end, crc32c).map_err(LogError::from)? != sealed {
            return Err(
                LogError::corrupt(&slice.path, format!("bytes {start} to {end} fail the journal's checksum")).into()
            );
        }
        Ok(())
    }

    /// Appends the rows of `lines` to `rows`.
    fn of_lines(&mut self, lines: &[u8], path: &Path, rows: &mut Vec<u8>) -> Result<(), LogError> {
        let mut rest = lines;
        while !rest.is_empty() {
            let used = match self.parser.next(rest) {
                Next::Message { message, end, .. } => {
                    queue_row::encode(rows, &message);
                    end
                }
                Next::EndOfLine { end } => end,
                Next::Reject { reason, .. } => {
                    return Err(LogError::corrupt(path, format!("a line of it is not a message ({reason})")));
                }
                Next::Incomplete => return Err(LogError::corrupt(path, "it ends within a line")),
            };
            rest = &rest[used..];
        }
        Ok(())
    }
}

/// Moves on to byte `end`, or the end of the file; the checksum goes on with what is passed.
fn skip(window: &mut Window, end: u64, mut crc32c: u32) -> io::Result<u32> {
    while window.offset() < end {
        let left = (end - window.offset()) as usize;
        let seen = window.fill(left.min(CHUNK))?;
        let passed = seen.len().min(left);
        if passed == 0 {
            break;
        }
        crc32c = crc32c::crc32c_append(crc32c, &seen[..passed]);
        window.consume(passed);
    }
    Ok(crc32c)
}
