//! CSV: a header, then a row a line ending in `\n`; services quoted as RFC 4180 needs.

use std::io::{Result, Write};

use schema::ServiceName;

use super::fields::{Rows, fields};
use super::{PIECE, flush};
use crate::query::Answer;

/// Writes the answer.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> Result<()> {
    let names: Vec<_> = fields(&answer.metrics).into_iter().map(|(name, _)| name).collect();
    let before = (0..names.len()).map(|at| if at == 0 { Vec::new() } else { vec![b','] });
    let (mut rows, mut text) = (Rows::new(before.collect(), b"\n", field), names.join(",").into_bytes());
    text.push(b'\n');
    for row in &answer.rows {
        rows.write(&mut text, row);
        flush(out, &mut text, PIECE)?;
    }
    flush(out, &mut text, 0)
}

/// A service's name as a field of CSV.
#[must_use]
pub fn quoted(service: &ServiceName) -> String {
    String::from_utf8_lossy(&field(service)).into_owned()
}

fn field(service: &ServiceName) -> Vec<u8> {
    let mut field = Vec::new();
    quote(&mut field, service.as_str().as_bytes());
    field
}

/// Quotes a field where a comma, quote or line break in it would be misread (RFC 4180, section 2).
fn quote(line: &mut Vec<u8>, text: &[u8]) {
    if !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        line.extend_from_slice(text);
        return;
    }
    line.push(b'"');
    for byte in text {
        if *byte == b'"' {
            line.push(b'"');
        }
        line.push(*byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn services_are_quoted_only_where_needed() {
        for (text, quoted) in [("plain é", "plain é"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\"")] {
            let mut line = Vec::new();
            quote(&mut line, text.as_bytes());
            assert_eq!(line, quoted.as_bytes());
        }
    }
}
