//! JSON: one object with the effective range, the coverage and the rows; NDJSON: the rows alone, one a line.
//! Numbers are written as their exact decimal text.

use std::io::{Result, Write};

use schema::{Metrics, ServiceName};

use super::fields::{Kind, Rows, fields};
use super::{PIECE, covered, flush};
use crate::query::{Answer, View};

/// Writes the answer as one object, a row a line inside it.
pub(super) fn write(out: &mut impl Write, answer: &Answer, view: View) -> Result<()> {
    write!(
        out,
        "{{\"from\":\"{}\",\"to\":\"{}\",\"every\":\"{}\",\"view\":{},\n\"coverage\":{},\n\"rows\":[",
        answer.from,
        answer.to,
        answer.every,
        serde_json::to_string(&view)?,
        covered(&answer.coverage)?,
    )?;
    let (mut rows, mut text) = (rows(&answer.metrics), Vec::new());
    for (index, row) in answer.rows.iter().enumerate() {
        text.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        rows.write(&mut text, row);
        flush(out, &mut text, PIECE)?;
    }
    flush(out, &mut text, 0)?;
    out.write_all(b"\n]}\n")
}

/// Writes one object a row.
pub(super) fn write_lines(out: &mut impl Write, answer: &Answer) -> Result<()> {
    let (mut rows, mut text) = (rows(&answer.metrics), Vec::new());
    for row in &answer.rows {
        rows.write(&mut text, row);
        text.push(b'\n');
        flush(out, &mut text, PIECE)?;
    }
    flush(out, &mut text, 0)
}

/// A row as an object: what stands before a field also closes the one before.
fn rows(metrics: &Metrics) -> Rows {
    let mut close = "";
    let before = fields(metrics).into_iter().enumerate().map(|(at, (name, kind))| {
        let quote = if kind == Kind::Number { "" } else { "\"" };
        let comma = if at == 0 { '{' } else { ',' };
        let before = format!("{close}{comma}\"{name}\":{quote}").into_bytes();
        close = quote;
        before
    });
    Rows::new(before.collect(), b"}", escaped)
}

/// A service's name as it stands between quotes.
fn escaped(service: &ServiceName) -> Vec<u8> {
    let quoted = serde_json::Value::from(service.as_str()).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}
