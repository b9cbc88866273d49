//! The table: for people. Means and peaks, aligned; units and zone stated above it.

use std::io::Write;

use anyhow::Result;
use chrono::DateTime;
use chrono_tz::Tz;
use comfy_table::{CellAlignment, Table, presets};
use schema::{Metrics, Micros, Read, mean};
use views::{Answer, AnswerRow, Every, View};

/// Writes the answer under a line that says what its numbers are.
pub(super) fn write(out: &mut impl Write, answer: &Answer, view: View, zone: Tz) -> Result<()> {
    let (from, to) = (clock(answer.from, zone), clock(answer.to, zone));
    writeln!(
        out,
        "{from} to {to} ({zone}), every {}, {view} view; mean and peak of each: {}",
        answer.every,
        units(&answer.metrics)
    )?;
    let mut header = vec!["service".to_owned(), format!("from ({zone})"), "messages".to_owned()];
    for metric in answer.metrics.iter() {
        header.extend([metric.name.to_string(), "peak".to_owned()]);
    }
    let rows = answer.rows.iter().map(|row| cells(row, answer.every, zone));
    Ok(writeln!(out, "{}", aligned(header, rows, 2))?)
}

/// What each metric's numbers are: a share where a pair is read as utilisation.
fn units(metrics: &Metrics) -> String {
    let unit = |read| match read {
        Read::Utilisation => "share in use, or the number sent",
        Read::Used => "amount in use, as sent",
    };
    let mut said: Vec<String> = Vec::new();
    for read in [Read::Utilisation, Read::Used] {
        let of = metrics.iter().filter(|metric| metric.read == read);
        let names: Vec<_> = of.map(|metric| metric.name.to_string()).collect();
        if !names.is_empty() {
            said.push(format!("{} ({})", names.join(", "), unit(read)));
        }
    }
    said.join("; ")
}

fn cells(row: &AnswerRow, every: Every, zone: Tz) -> Vec<String> {
    let start = row.start.start();
    let start = if every == Every::Day { day(start, zone) } else { clock(start, zone) };
    let mut cells = vec![row.service.to_string(), start, row.aggregate.msg_num.to_string()];
    for metric in &*row.aggregate.metrics {
        cells.push(short(mean(metric.sum, row.aggregate.msg_num)));
        cells.push(short(i128::from(metric.max.get())));
    }
    cells
}

/// Millionths with three decimals, for the eye.
fn short(millionths: i128) -> String {
    format!("{:.3}", schema::nearest_f64(millionths))
}

/// A time as a clock in `zone` shows it, to the minute; seconds only where there are some.
pub(crate) fn clock(time: Micros, zone: Tz) -> String {
    match DateTime::from_timestamp_micros(time.get()) {
        Some(instant) if time.get() % 60_000_000 == 0 => {
            instant.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
        }
        Some(instant) => instant.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        None => time.to_string(),
    }
}

/// A day that begins in UTC: with its hour, where the zone begins its days at another.
fn day(time: Micros, zone: Tz) -> String {
    let clock = clock(time, zone);
    clock.strip_suffix(" 00:00").map_or(clock.clone(), str::to_owned)
}

/// Columns under a header, the first `left` of them aligned left, the others right; no trailing spaces.
pub(crate) fn aligned(header: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>, left: usize) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= left {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let text = aligned(row(["service", "messages"]), [row(["a", "1"]), row(["checkout", "12"])], 1);
        assert_eq!(text, "service   messages\na                1\ncheckout        12");
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        let noon = Micros::new(1_795_262_400_000_000).unwrap();
        assert_eq!(clock(noon, Tz::UTC), "2026-11-21 12:00");
        assert_eq!(clock(noon, Tz::Asia__Kolkata), "2026-11-21 17:30");
        let midnight = Micros::new(1_795_219_200_000_000).unwrap();
        assert_eq!(day(midnight, Tz::UTC), "2026-11-21");
        assert_eq!(day(midnight, Tz::Asia__Kolkata), "2026-11-21 05:30");
    }
}
