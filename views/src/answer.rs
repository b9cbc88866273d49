//! Answers as they are written for other programs: CSV, JSON and NDJSON with exact numbers; Parquet and Arrow.
//!
//! CSV, JSON and NDJSON share their fields, one list in this order, `<m>` for each metric:
//! `service,time_stamp,<m>…,(max_<m>_time,max_<m>)…,msg_num,<m>_mean…`. Totals and peaks are the exact values with
//! six decimals, means the exact quotient rounded half to even, times UTC with microseconds. Rows are by service
//! (bytewise), then time. Parquet and Arrow have the columns of a view file, by time. What must hold: a row is written from its exact
//! aggregate, never through a float; whoever writes an answer, the bytes are the same.

mod arrow;
mod covered;
mod csv;
mod fields;
mod json;
mod parquet;

use std::io::{self, Write};

use crate::error::{Result, ViewError};
use crate::query::{Answer, View};

pub use covered::covered;
pub use csv::quoted;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A header, and a row a line.
    Csv,
    /// One object: range, coverage and rows.
    Json,
    /// One row a line.
    Ndjson,
    /// One view file.
    Parquet,
    /// A stream of record batches.
    Arrow,
}

/// Writes `answer`, which is `view`'s.
///
/// # Errors
/// `Output` with what `out` says; what the Parquet writer refuses.
pub fn write_answer(out: &mut impl Write, answer: &Answer, view: View, format: Format) -> Result<()> {
    let written: io::Result<()> = match format {
        Format::Csv => csv::write(out, answer),
        Format::Json => json::write(out, answer, view),
        Format::Ndjson => json::write_lines(out, answer),
        Format::Parquet => out.write_all(&parquet::file(answer)?),
        Format::Arrow => return arrow::write(out, answer),
    };
    written.map_err(ViewError::Output)
}

/// Text that is put together before it is written.
const PIECE: usize = 64 << 10;

/// Writes `text` if it is longer than `most`, and empties it.
fn flush(out: &mut impl Write, text: &mut Vec<u8>, most: usize) -> io::Result<()> {
    if text.len() > most {
        out.write_all(text)?;
        text.clear();
    }
    Ok(())
}
