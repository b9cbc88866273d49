//! CSV: a header, then a row a line ending in `\n`; services quoted as RFC 4180 needs.

use std::io::{Result, Write};

use schema::ServiceName;

use super::fields::{Kind, each, names};
use crate::query::Answer;

/// Writes the answer.
pub(super) fn write(out: &mut impl Write, answer: &Answer) -> Result<()> {
    writeln!(out, "{}", names(&answer.metrics).join(","))?;
    let (mut scratch, mut line) = (Vec::new(), Vec::new());
    for row in &answer.rows {
        line.clear();
        each(row, &mut scratch, |kind, text| {
            match kind {
                Kind::Service => quote(&mut line, text),
                Kind::Time | Kind::Number => line.extend_from_slice(text),
            }
            line.push(b',');
        });
        line.pop();
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(())
}

/// A service's name as a field of CSV.
#[must_use]
pub fn quoted(service: &ServiceName) -> String {
    let mut field = Vec::new();
    quote(&mut field, service.as_str().as_bytes());
    String::from_utf8_lossy(&field).into_owned()
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
