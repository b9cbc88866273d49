//! Parquet: the answer's rows as one view file, with the columns that batch and realtime views have.

use std::io::{IsTerminal, Write};

use anyhow::{Result, anyhow};
use views::{Answer, answer_file};

use crate::advice::Advice;

/// Writes the answer.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> Result<()> {
    if std::io::stdout().is_terminal() {
        return Err(anyhow!("Parquet is no text for a terminal").advise("redirect it, as in > answer.parquet"));
    }
    Ok(out.write_all(&answer_file(answer)?)?)
}
