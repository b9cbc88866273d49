//! `rebuild --full` of 10 M imported messages against DuckDB's per-minute rollup of the same file, in turns; the
//! same with eight layouts interleaved and with shuffled keys; and the rebuild's peak memory.

use crate::data::{self, Layouts};
use crate::report::{Report, Row, median, megabytes};
use crate::workshop::Workshop;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Four rows.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let single = compare(workshop, Layouts::One, true)?;
    let eight = compare(workshop, Layouts::Eight, false)?;
    let shuffled = compare(workshop, Layouts::Shuffled, true)?;
    report.add(Row {
        work: "`rebuild --full` of 10 M messages (4 services), whole process, against DuckDB's rollup of the same file",
        must: "3x",
        aim: "5x",
        reached: format!("{:.1}x", single.peer / single.ours),
        figures: format!("{:.2} s; DuckDB {:.2} s, start-up left out", single.ours, single.peer),
    });
    report.add(Row {
        work: "the same, eight clients' layouts interleaved, against one layout",
        must: "0.5x",
        aim: "0.8x",
        reached: format!("{:.2}x", single.ours_per_byte() / eight.ours_per_byte()),
        figures: format!(
            "{:.2} s for {}; one layout {:.2} s for {}",
            eight.ours,
            megabytes(eight.bytes),
            single.ours,
            megabytes(single.bytes)
        ),
    });
    report.add(Row {
        work: "the same, shuffled keys and unknown keys, against DuckDB",
        must: "1x",
        aim: "2x",
        reached: format!("{:.1}x", shuffled.peer / shuffled.ours),
        figures: format!("{:.2} s; DuckDB {:.2} s", shuffled.ours, shuffled.peer),
    });
    report.add(Row {
        work: "peak memory of that rebuild",
        must: "256 MB",
        aim: "64 MB",
        reached: megabytes(single.peak.max(eight.peak).max(shuffled.peak)),
        figures: format!("DuckDB {}", megabytes(single.peer_peak)),
    });
    Ok(())
}

/// Medians of one input; seconds and bytes.
struct Compared {
    ours: f64,
    peer: f64,
    peak: u64,
    peer_peak: u64,
    bytes: u64,
}

impl Compared {
    fn ours_per_byte(&self) -> f64 {
        self.ours / self.bytes as f64
    }
}

fn compare(workshop: &Workshop, layouts: Layouts, with_peer: bool) -> Result<Compared> {
    let file = data::day(workshop, layouts, 10_000_000 / workshop.scale, 0)?;
    let folder = imported(workshop, &file)?;
    let mut compared = Compared { ours: 0.0, peer: 0.0, peak: 0, peer_peak: 0, bytes: std::fs::metadata(&file)?.len() };
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for run in 0..=workshop.runs {
        let rebuilt = workshop.measure(workshop.hourglass().args(["rebuild", "--full", "--data"]).arg(&folder))?;
        let rolled = with_peer.then(|| duckdb(workshop, &file)).transpose()?;
        if run == 0 {
            continue; // the warm-up
        }
        ours.push(rebuilt.seconds);
        compared.peak = compared.peak.max(rebuilt.peak_bytes);
        if let Some((seconds, peak)) = rolled {
            peer.push(seconds);
            compared.peer_peak = compared.peer_peak.max(peak);
        }
    }
    (compared.ours, compared.peer) = (median(&ours), median(&peer));
    Ok(compared)
}

/// A data folder that holds the file's messages, imported.
fn imported(workshop: &Workshop, file: &Path) -> Result<PathBuf> {
    let folder = workshop.fresh_folder("rebuild")?;
    workshop.measure(workshop.hourglass().args(["import", "--data"]).arg(&folder).arg(file))?;
    Ok(folder)
}

fn duckdb(workshop: &Workshop, file: &Path) -> Result<(f64, u64)> {
    let output = workshop.scratch("duckdb.parquet");
    let threads = std::thread::available_parallelism()?.to_string();
    let finished = workshop.measure(workshop.peer("duckdb_rollup.py", "duckdb")?.arg(file).arg(output).arg(threads))?;
    let (seconds, kilobytes) = finished.output.trim().split_once(' ').context("two numbers from duckdb_rollup.py")?;
    Ok((seconds.parse()?, kilobytes.parse::<u64>()? * 1024))
}
