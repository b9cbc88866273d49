//! Answers as the command line writes them: a table for people, or what other programs read (`views::write_answer`).

mod table;

use std::io::{IsTerminal, Write};

use anyhow::{Result, anyhow};
use chrono_tz::Tz;
use views::{Answer, View, write_answer};

use crate::advice::Advice;
use crate::flags::Format;

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
    let format = match format {
        Format::Table => return table::write(out, answer, view, zone),
        Format::Csv => views::Format::Csv,
        Format::Json => views::Format::Json,
        Format::Ndjson => views::Format::Ndjson,
        Format::Parquet | Format::Arrow if std::io::stdout().is_terminal() => {
            return Err(anyhow!("that is no text for a terminal").advise("redirect it, as in > answer.parquet"));
        }
        Format::Parquet => views::Format::Parquet,
        Format::Arrow => views::Format::Arrow,
    };
    write_answer(out, answer, view, format)?;
    Ok(())
}
