//! NDJSON as it is: blocks of whole lines, handed on untouched.
//!
//! In: blocks cut anywhere. Out: whole lines. Must hold: a line that is a JSON string holding an object, blanks around it or not, becomes that
//! object, every other line stays as it is; of a line over the limit only `LIMIT` bytes are kept, so that it is
//! still rejected, once, as too long.

use memchr::{memchr, memmem, memrchr};

use super::item::{LIMIT, push_item};

/// Cuts a stream into whole lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The line that the last block left open, at most `LIMIT` bytes of it.
    open: Vec<u8>,
}

impl Lines {
    /// Takes the next block; appends the lines that it completes to `out`.
    pub(super) fn push(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let mut block = block;
        if !self.open.is_empty() {
            let Some(end) = memchr(b'\n', block) else { return self.keep(block) };
            self.keep(&block[..end]);
            self.close(out);
            block = &block[end + 1..];
        }
        let whole = memrchr(b'\n', block).map_or(0, |end| end + 1);
        push_lines(&block[..whole], out);
        self.keep(&block[whole..]);
    }

    /// Takes the end: an unterminated last line is a line.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.open.is_empty() {
            self.close(out);
        }
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LIMIT - self.open.len();
        self.open.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        push_line(&self.open, out);
        self.open.clear();
    }
}

/// Appends whole lines, all at once if none needs attention.
fn push_lines(lines: &[u8], out: &mut Vec<u8>) {
    let quoted = matches!(lines.first(), Some(b'"' | b' ' | b'\t'));
    let starts = || [b"\n\"", b"\n ", b"\n\t"].iter().any(|start| memmem::find(lines, *start).is_some());
    if !quoted && !starts() && !any_too_long(lines) {
        return out.extend_from_slice(lines);
    }
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        push_line(&line[..line.len() - 1], out);
    }
}

fn push_line(line: &[u8], out: &mut Vec<u8>) {
    let line = &line[..line.len().min(LIMIT)];
    if line.trim_ascii_start().first() == Some(&b'"') {
        let text = line.trim_ascii();
        return push_item(text.strip_suffix(b",").unwrap_or(text), out);
    }
    out.extend_from_slice(line);
    out.push(b'\n');
}

/// Whether a line has `LIMIT` bytes or more: one look every `LIMIT` bytes finds out.
fn any_too_long(lines: &[u8]) -> bool {
    let mut rest = lines;
    while rest.len() > LIMIT {
        match memrchr(b'\n', &rest[..LIMIT]) {
            Some(end) => rest = &rest[end + 1..],
            None => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_behind_blanks_is_unwrapped_and_other_lines_stay_as_they_are() {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        let input = b"{\"a\":1}\n  \"{\\\"a\\\":2}\"\n\t\"{\\\"a\\\":3}\" ,\r\n {\"a\":4} \n \"{\\\"a\\\":5}\"";
        lines.push(input, &mut out);
        lines.finish(&mut out);
        assert_eq!(out, b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n {\"a\":4} \n{\"a\":5}\n");
    }
}
