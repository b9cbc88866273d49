//! The table: a row a promise, with what was asked for, what was measured, and the figures behind the ratio.

use crate::workshop::Workshop;
use anyhow::Result;
use std::fmt;
use std::path::Path;

/// A row of the table.
pub(crate) struct Row {
    /// What was done.
    pub(crate) work: &'static str,
    /// What must be reached, and what is aimed at.
    pub(crate) must: &'static str,
    pub(crate) aim: &'static str,
    /// What was reached, in the unit of `must`.
    pub(crate) reached: String,
    /// The medians behind it.
    pub(crate) figures: String,
}

/// All rows, and the conditions they were measured under.
pub(crate) struct Report {
    conditions: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// An empty table.
    pub(crate) fn new(workshop: &Workshop) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let scaled = if workshop.scale == 1 { String::new() } else { format!(", data divided by {}", workshop.scale) };
        Self {
            conditions: format!("{cores} cores, medians of {} runs{scaled}", workshop.runs),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row and shows it at once.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("{}: {} (must {}, aim {}); {}", row.work, row.reached, row.must, row.aim, row.figures);
        self.rows.push(row);
    }

    /// Adds a line below the table.
    pub(crate) fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    /// Replaces the results file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, format!("# Results\n\nWritten by `cargo run --release -p hourglass-bench`.\n\n{self}"))?;
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| work ({}) | must | aim | reached | medians |\n|---|---|---|---|---|", self.conditions)?;
        for row in &self.rows {
            writeln!(f, "| {} | {} | {} | **{}** | {} |", row.work, row.must, row.aim, row.reached, row.figures)?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// The value at a quantile (0.5 the median) of measurements in any order.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * q).ceil() as usize).copied().unwrap_or(f64::NAN)
}

/// The median.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Bytes as megabytes (10^6), for people.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
