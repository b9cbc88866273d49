//! Arrow: an answer as a stream of record batches (IPC streaming format), for those who calculate in memory.
//!
//! The columns and the order are those of the Parquet format.

use std::io::Write;

use arrow_ipc::writer::StreamWriter;

use super::parquet::table;
use crate::error::{Result, ViewError};
use crate::query::Answer;
use crate::view_file::record_batches;

/// Writes the answer.
///
/// # Errors
/// What the writer refuses, or `out`.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> Result<()> {
    let failed = |why| ViewError::Output(std::io::Error::other(why));
    let (schema, batches) = record_batches(&answer.metrics, &table(answer))?;
    let mut writer = StreamWriter::try_new(out, &schema).map_err(failed)?;
    for batch in batches {
        writer.write(&batch).map_err(failed)?;
    }
    writer.finish().map_err(failed)
}
