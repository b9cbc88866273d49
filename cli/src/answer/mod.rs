//! Answers as they are written: a table for people; CSV, JSON and NDJSON with exact numbers; Parquet.
//!
//! CSV, JSON and NDJSON share their fields, one list in this order, `<m>` for each metric:
//! `service,time_stamp,<m>…,(max_<m>_time,max_<m>)…,msg_num,<m>_mean…`. Totals and peaks are the exact values with
//! six decimals, means the exact quotient rounded half to even, times UTC with microseconds. Rows are by service
//! (bytewise), then time. What must hold: a row is written from its exact aggregate, never through a float.

mod covered;
mod csv;
mod fields;
mod json;
mod parquet;
mod table;

use std::io::{IsTerminal, Write};

use anyhow::Result;
use chrono_tz::Tz;
use views::{Answer, View};

use crate::flags::Format;

pub(crate) use covered::covered;
pub(crate) use csv::quoted;
pub(crate) use table::{aligned, clock};

/// Table on a terminal, CSV into a pipe, unless asked for something else.
pub(crate) fn format_or_default(asked: Option<Format>) -> Format {
    asked.unwrap_or_else(|| match std::io::stdout().is_terminal() {
        true => Format::Table,
        false => Format::Csv,
    })
}

/// Writes an answer.
pub(crate) fn write(out: &mut impl Write, answer: &Answer, view: View, format: Format, zone: Tz) -> Result<()> {
    match format {
        Format::Table => table::write(out, answer, view, zone),
        Format::Csv => csv::write(out, answer),
        Format::Json => json::write(out, answer, view),
        Format::Ndjson => json::write_lines(out, answer),
        Format::Parquet => parquet::write(out, answer),
    }
}
