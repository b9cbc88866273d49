//! NDJSON: blocks of whole lines, handed on untouched as far as they can be.
//!
//! In: blocks cut anywhere. Out: whole lines, of at most `LIMIT` bytes. Must hold:
//! - The lines hold what a plain connection would find in the same bytes, item by item: objects glued together
//!   without a newline are each judged alone, so a longer line goes on as several, parted between its items.
//! - Of an item that is too long `LIMIT` bytes are kept, so that it is rejected, once, as too long; what follows it on
//!   its line is skipped.
//! - A line that is a JSON string holding an object, blanks around it or not, becomes that object.
//! - Where the blocks were cut changes nothing, and memory is bounded.

use memchr::{memchr, memmem, memrchr};
use schema::{MAX_LINE, Metrics, Next, Parser};

use super::item::{LIMIT, push_item};

/// Cuts a stream into lines.
#[derive(Debug)]
pub(super) struct Lines {
    /// The line that the last block left open, or what is not handed on of it: at most `LIMIT` bytes.
    open: Vec<u8>,
    rest: Rest,
    /// Tells where items end. That does not depend on the metrics.
    parser: Parser,
}

/// What the open line's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// The line from its beginning.
    Whole,
    /// What follows the items that were handed on.
    Tail,
    /// What follows an item that is too long, skipped to the newline.
    Skipped,
}

impl Lines {
    /// Nothing read yet.
    pub(super) fn new() -> Self {
        Self { open: Vec::new(), rest: Rest::Whole, parser: Parser::new(&Metrics::default()) }
    }

    /// Takes the next block; appends the lines that it completes to `out`.
    pub(super) fn push(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let mut block = block;
        if !self.open.is_empty() || self.rest != Rest::Whole {
            let Some(end) = memchr(b'\n', block) else { return self.keep(block, out) };
            self.keep(&block[..end], out);
            self.close(out);
            block = &block[end + 1..];
        }
        let whole = memrchr(b'\n', block).map_or(0, |end| end + 1);
        self.push_lines(&block[..whole], out);
        self.keep(&block[whole..], out);
    }

    /// Takes the end: an unterminated last line is a line.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.open.is_empty() {
            self.close(out);
        }
    }

    /// Appends whole lines, all at once if none needs attention.
    fn push_lines(&mut self, lines: &[u8], out: &mut Vec<u8>) {
        let quoted = matches!(lines.first(), Some(b'"' | b' ' | b'\t'));
        let starts = || [b"\n\"", b"\n ", b"\n\t"].iter().any(|start| memmem::find(lines, *start).is_some());
        if !quoted && !starts() && !any_too_long(lines) {
            return out.extend_from_slice(lines);
        }
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let line = &line[..line.len() - 1];
            if line.len() <= LIMIT {
                push_line(line, out);
            } else {
                self.keep(line, out);
                self.close(out);
            }
        }
    }

    /// Takes more of the open line, which is parted whenever it outgrows the limit.
    fn keep(&mut self, part: &[u8], out: &mut Vec<u8>) {
        let mut part = part;
        while !part.is_empty() && self.rest != Rest::Skipped {
            if self.open.len() == LIMIT {
                self.part(out);
                continue;
            }
            let (now, later) = part.split_at(part.len().min(LIMIT - self.open.len()));
            self.open.extend_from_slice(now);
            part = later;
        }
    }

    /// Hands on the items that are whole, as a line.
    fn part(&mut self, out: &mut Vec<u8>) {
        let mut whole = 0;
        loop {
            match self.parser.next(&self.open[whole..]) {
                Next::Message { end, .. } | Next::Reject { end, .. } if end <= MAX_LINE => whole += end,
                _ => break,
            }
        }
        self.rest = if whole == 0 { Rest::Skipped } else { Rest::Tail };
        let handed_on = if whole == 0 { self.open.len() } else { whole };
        out.extend(self.open.drain(..handed_on));
        out.push(b'\n');
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match self.rest {
            Rest::Whole => push_line(&self.open, out),
            Rest::Tail => {
                out.extend_from_slice(&self.open);
                out.push(b'\n');
            }
            Rest::Skipped => {}
        }
        self.open.clear();
        self.rest = Rest::Whole;
    }
}

fn push_line(line: &[u8], out: &mut Vec<u8>) {
    if line.trim_ascii_start().first() == Some(&b'"') {
        let text = line.trim_ascii();
        return push_item(text.strip_suffix(b",").unwrap_or(text), out);
    }
    out.extend_from_slice(line);
    out.push(b'\n');
}

/// Whether a line has more than `LIMIT` bytes, or perhaps just as many: one look every `LIMIT` bytes finds out.
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
    use proptest::prelude::*;
    use schema::Reject;

    use super::*;

    /// What comes out of an input read in blocks of some length.
    fn read(input: &[u8], length: usize) -> Vec<u8> {
        let (mut lines, mut out) = (Lines::new(), Vec::new());
        input.chunks(length).for_each(|block| lines.push(block, &mut out));
        lines.finish(&mut out);
        out
    }

    /// What a receiver finds: each message's bytes, each reject's reason. An item that is too long takes the rest of its
    /// line along.
    fn found(mut bytes: &[u8]) -> Vec<Result<&[u8], Reject>> {
        let (mut parser, mut found) = (Parser::new(&Metrics::default()), Vec::new());
        while !bytes.is_empty() {
            let (end, item) = match parser.next(bytes) {
                Next::Message { start, end, .. } => (end, Some(Ok(&bytes[start..end]))),
                Next::Reject { reason, end } => (end, Some(Err(reason))),
                Next::EndOfLine { end } => (end, None),
                Next::Incomplete => unreachable!("the bytes end with a newline"),
            };
            if end - usize::from(item.is_none()) > MAX_LINE {
                found.push(Err(Reject::LineTooLong));
                bytes = &bytes[memchr(b'\n', bytes).unwrap()..];
            } else {
                found.extend(item);
                bytes = &bytes[end..];
            }
        }
        found
    }

    /// Pieces of lines, some nearly as long as an item may be, or a little longer.
    fn piece() -> impl Strategy<Value = String> {
        let object = |length: usize| {
            let open = r#"{"service":"a","ts":1,"cpu":1,"ram":1,"disk":1,"pad":""}"#.len();
            let pad = "}".repeat(length.saturating_sub(open));
            format!(r#"{{"service":"a","ts":1,"cpu":1,"ram":1,"disk":1,"pad":"{pad}"}}"#)
        };
        let near = || prop_oneof![0..300_usize, MAX_LINE / 2..MAX_LINE, MAX_LINE - 3..MAX_LINE + 4];
        prop_oneof![
            6 => near().prop_map(object),
            2 => near().prop_map(|length| " ".repeat(length)),
            1 => near().prop_map(|length| "x".repeat(length)),
            1 => near().prop_map(move |length| object(length).replacen(':', " ", 1)),
            1 => near().prop_map(move |length| object(length).replacen("\"a\"", "\"a", 1)),
            4 => prop::sample::select(&["\n", ",", "\r\n", "{}", "{", "}", " , "][..]).prop_map(str::to_owned),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn the_lines_hold_what_a_plain_connection_would_find(pieces in prop::collection::vec(piece(), 0..24), length in 1..200_000_usize) {
            let input = pieces.concat() + "\n";
            let out = read(input.as_bytes(), length);
            prop_assert!(found(&out) == found(input.as_bytes()), "{:?}", pieces.iter().map(String::len).collect::<Vec<_>>());
            prop_assert!(out.split(|&byte| byte == b'\n').all(|line| line.len() <= LIMIT));
        }
    }

    #[test]
    fn a_string_behind_blanks_is_unwrapped_and_other_lines_stay_as_they_are() {
        let input = b"{\"a\":1}\n  \"{\\\"a\\\":2}\"\n\t\"{\\\"a\\\":3}\" ,\r\n {\"a\":4} \n \"{\\\"a\\\":5}\"";
        assert_eq!(read(input, input.len()), b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n {\"a\":4} \n{\"a\":5}\n");
    }

    #[test]
    fn a_long_line_is_parted_between_its_items_wherever_the_blocks_are_cut() {
        let object = format!("{{\"a\":\"{}\"}}", "}\\\"".repeat(40));
        let glued = format!("{}\n", [object.as_str(); 2000].join(","));
        let exact = format!("{}\n", "x".repeat(LIMIT));
        let long = format!("{object}{{\"a\":\"{}\"}}{object}\n", "y".repeat(2 * LIMIT));
        let input = [exact.as_str(), &glued, &long, &glued, "\"{}\"\n", &object].concat().into_bytes();
        let whole = read(&input, input.len());
        for length in [1, 7, 4096, LIMIT, LIMIT + 1, 100_000] {
            assert!(read(&input, length) == whole, "blocks of {length}");
        }
        assert_eq!(memmem::find_iter(&whole, &object).count(), 4002, "none is lost but what follows the long one");
        assert!(whole.split(|&byte| byte == b'\n').all(|line| line.len() <= LIMIT));
    }
}
