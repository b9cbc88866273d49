//! Parquet: an answer as one view file, for those who calculate on.
//!
//! The columns are a view's; `time_stamp` is where each bucket starts. Notes:
//! `from`, `to` (the effective range) and `every`.

use bytes::Bytes;

use crate::error::Result;
use crate::fold::{Row, Table};
use crate::query::Answer;
use crate::view_file;

/// The answer's rows as Parquet.
///
/// # Errors
/// What the Parquet writer refuses.
pub(super) fn file(answer: &Answer) -> Result<Bytes> {
    let notes = [("from", answer.from.to_string()), ("to", answer.to.to_string()), ("every", answer.every.to_string())];
    Ok(view_file::write(&answer.metrics, &table(answer), &notes)?.bytes)
}

/// The answer's rows, a bucket as the minute it starts with.
pub(super) fn table(answer: &Answer) -> Table {
    let mut table = Table::new(&answer.metrics);
    for row in &answer.rows {
        let (msg_num, metrics) = (row.aggregate.msg_num, &row.aggregate.metrics);
        table.merge_row(Row { service: &row.service, minute: row.start, msg_num, metrics });
    }
    table
}
