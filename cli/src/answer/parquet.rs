//! Parquet: the answer's rows as one view file, with the columns that batch and realtime views have.

use std::io::{IsTerminal, Write};

use anyhow::{Result, anyhow};
use views::query::Answer;
use views::{Row, Table, view_file};

use crate::advice::Advice;

/// Writes the answer; `every` and the effective range become metadata of the file.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> Result<()> {
    if std::io::stdout().is_terminal() {
        return Err(anyhow!("Parquet is no text for a terminal").advise("redirect it, as in > answer.parquet"));
    }
    let mut table = Table::new(&answer.metrics);
    for row in &answer.rows {
        table.merge_row(Row {
            service: &row.service,
            minute: row.start,
            msg_num: row.aggregate.msg_num,
            metrics: row.&aggregate.metrics,
        });
    }
    let notes = [
        ("from", answer.from.to_string()),
        ("to", answer.to.to_string()),
        ("every", answer.every.to_string()),
    ];
    Ok(out.write_all(&view_file::write(&answer.metrics, &table, &notes)?.bytes)?)
}
