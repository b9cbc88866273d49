//! JSON: one object with the effective range, the coverage and the rows; NDJSON: the rows alone, one a line.
//! Numbers are written as their exact decimal text.

use std::io::{Result, Write};

use super::covered;
use super::fields::{Kind, each, names};
use crate::query::{Answer, AnswerRow, View};

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
    let mut rows = Rows::new(answer);
    for (index, row) in answer.rows.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        out.write_all(rows.object(row))?;
    }
    out.write_all(b"\n]}\n")?;
    Ok(())
}

/// Writes one object a row.
pub(super) fn write_lines(out: &mut impl Write, answer: &Answer) -> Result<()> {
    let mut rows = Rows::new(answer);
    for row in &answer.rows {
        out.write_all(rows.object(row))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes rows into a buffer that is used again.
struct Rows {
    /// `"name":`, quoted once.
    names: Vec<Vec<u8>>,
    scratch: Vec<u8>,
    line: Vec<u8>,
}

impl Rows {
    fn new(answer: &Answer) -> Self {
        let names = names(&answer.metrics);
        Self {
            names: names.iter().map(|name| format!("\"{name}\":").into_bytes()).collect(),
            scratch: Vec::new(),
            line: Vec::new(),
        }
    }

    fn object(&mut self, row: &AnswerRow) -> &[u8] {
        let Self { names, scratch, line } = self;
        line.clear();
        let mut names = names.iter();
        each(row, scratch, |kind, text| {
            line.push(if line.is_empty() { b'{' } else { b',' });
            line.extend_from_slice(names.next().map_or(b"", |name| name));
            match kind {
                Kind::Number => line.extend_from_slice(text),
                Kind::Service | Kind::Time => quote(line, text),
            }
        });
        line.push(b'}');
        line
    }
}

fn quote(line: &mut Vec<u8>, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    line.extend_from_slice(serde_json::Value::from(text.as_ref()).to_string().as_bytes());
}
