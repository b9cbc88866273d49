//! JSON arrays: each element becomes a line.
//!
//! In: blocks cut anywhere of one array, or several in a row. Out: whole lines. Must hold: memory is bounded by one
//! element's limit and one block, whatever the array's size; where the blocks were cut changes nothing.
//!
//! # After a broken element
//! Nothing is lost but that element. An object or array ends at its closing bracket, whatever follows. Where its
//! brackets, commas and colons cannot be JSON any more, it ends as the receiver's parser ends it: after the brace that
//! closes it, if counting braces outside of strings finds one on its first line, else with that line. Was the object
//! spread over lines (its first holds nothing but the `{`), the lines that go on with it are dropped with it: those that
//! begin with `}` or with a key. Anything else ends with its line at the latest.

use memchr::memchr;

use super::item::{LIMIT, Scan, push_head, push_item};
use super::structure::{Structure, Verdict};

/// Takes arrays apart.
#[derive(Debug, Default)]
pub(super) struct Arrays {
    /// What was read and is not taken apart: less than `LIMIT` bytes between blocks.
    held: Vec<u8>,
    inside: bool,
    skip: Option<Skip>,
}

/// Bytes that belong to what was passed on already.
#[derive(Debug)]
enum Skip {
    /// An element that is too long: to its end, or to its line's if it is not `spread` over lines or is broken.
    Element { structure: Structure, spread: bool },
    /// To the line's end.
    Line,
}

/// What stands at the front of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Front {
    /// An item of so many bytes; so many belong to it with what is dropped.
    Item { length: usize, end: usize },
    /// The head of an item that is too long.
    TooLong,
    /// More bytes decide.
    Open,
}

impl Arrays {
    /// Takes the next block; appends the elements that it completes to `out`.
    pub(super) fn push(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(block);
        let taken = self.take(&held, out);
        held.drain(..taken);
        self.held = held;
    }

    /// Takes the end: what is still open ends with it.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            // A newline ends whatever is no object or array; those are passed on as they are.
            self.push(b"\n", out);
        }
        while !self.held.is_empty() {
            let line = memchr(b'\n', &self.held).map_or(self.held.len(), |newline| newline + 1);
            if !spread(&self.held) && line < self.held.len() {
                push_item(&self.held[..line - 1], out);
                self.held.drain(..line);
                self.push(b"", out);
            } else {
                push_item(&self.held, out);
                self.held.clear();
            }
        }
    }

    /// Appends the elements that are whole; returns how many bytes are done with.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        loop {
            if let Some(skip) = &mut self.skip {
                match skip.end(&bytes[at..]) {
                    Some(end) => at += end,
                    None => return bytes.len(),
                }
                self.skip = None;
            }
            let blank = bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b','));
            at += blank.count();
            let rest = &bytes[at..];
            let front = match rest.first() {
                None => return at,
                Some(b'[') if !self.inside => {
                    self.inside = true;
                    at += 1;
                    continue;
                }
                Some(b']') if self.inside => {
                    self.inside = false;
                    at += 1;
                    continue;
                }
                Some(b'{' | b'[') => nested(rest),
                Some(b'"') => other(rest),
                Some(_) if self.inside => other(rest),
                Some(_) => line(rest),
            };
            match front {
                Front::Item { length, end } => {
                    push_item(&rest[..length], out);
                    at += end;
                }
                Front::TooLong => {
                    push_head(&rest[..LIMIT], out);
                    self.skip = Some(Skip::behind_head(rest));
                    at += LIMIT;
                }
                Front::Open => return at,
            }
        }
    }
}

impl Skip {
    /// Behind the first `LIMIT` bytes of an item that is too long.
    fn behind_head(item: &[u8]) -> Self {
        if !matches!(item[0], b'{' | b'[') {
            return Self::Line;
        }
        let mut structure = Structure::default();
        if item[..LIMIT].iter().any(|&byte| structure.step(byte) == Verdict::Broken) {
            return Self::Line;
        }
        Self::Element { structure, spread: spread(item) }
    }

    /// Where it ends, if that is among these bytes.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let Self::Element { structure, spread } = self else { return memchr(b'\n', bytes) };
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' && !*spread {
                return Some(at);
            }
            match structure.step(byte) {
                Verdict::Open => {}
                Verdict::Whole => return Some(at + 1),
                Verdict::Broken => {
                    *self = Self::Line;
                    return memchr(b'\n', &bytes[at..]).map(|newline| at + newline);
                }
            }
        }
        None
    }
}

/// An object or array.
fn nested(bytes: &[u8]) -> Front {
    let mut structure = Structure::default();
    for (at, &byte) in bytes.iter().take(LIMIT).enumerate() {
        match structure.step(byte) {
            Verdict::Open => {}
            Verdict::Whole => return Front::Item { length: at + 1, end: at + 1 },
            Verdict::Broken => return broken(bytes),
        }
    }
    if bytes.len() < LIMIT {
        return Front::Open;
    }
    match spread(bytes) || memchr(b'\n', &bytes[..LIMIT]).is_none() {
        true => Front::TooLong,
        false => broken(bytes),
    }
}

/// An object or array that cannot be one.
fn broken(bytes: &[u8]) -> Front {
    let (window, is_spread) = (&bytes[..bytes.len().min(LIMIT)], spread(bytes));
    let end = match is_spread {
        true => continuation(window),
        false => memchr(b'\n', window),
    };
    let closed = closing_brace(&window[..end.unwrap_or(window.len())]);
    match (closed, end) {
        (Some(closed), _) if !is_spread => Front::Item { length: closed, end: closed },
        (closed, Some(end)) => Front::Item { length: closed.unwrap_or(end), end },
        (_, None) if window.len() < LIMIT => Front::Open,
        (_, None) => Front::TooLong,
    }
}

/// Behind the brace that closes the object which begins here, by counting braces outside of strings.
fn closing_brace(object: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, &byte) in object.iter().enumerate() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (byte == b'}').then_some(at + 1);
        }
    }
    None
}

/// Whether the object is spread over lines: its first line holds nothing but the brace.
fn spread(bytes: &[u8]) -> bool {
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    first.len() < bytes.len() && first.trim_ascii() == b"{"
}

/// Before the first line that does not go on with a broken object, if that is known.
fn continuation(bytes: &[u8]) -> Option<usize> {
    let mut end = memchr(b'\n', bytes)?;
    loop {
        let line = &bytes[end + 1..];
        let solid = line.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let goes_on = match line[solid] {
            b'}' => true,
            b'"' => *line.get(solid + 1)? != b'{',
            _ => false,
        };
        if !goes_on {
            return Some(end);
        }
        end += 1 + solid + memchr(b'\n', &line[solid..])?;
    }
}

/// A number, a literal, a string, or anything else in an array: up to a comma or bracket outside of strings, or the
/// line's end.
fn other(bytes: &[u8]) -> Front {
    let mut scan = Scan::default();
    let end = bytes.iter().take(LIMIT).position(|&byte| {
        let ends = byte == b'\n' || (scan.at_top() && matches!(byte, b',' | b']'));
        scan.step(byte);
        ends
    });
    ended(end, bytes)
}

/// What is in no array: up to the line's end.
fn line(bytes: &[u8]) -> Front {
    ended(memchr(b'\n', &bytes[..bytes.len().min(LIMIT)]), bytes)
}

fn ended(end: Option<usize>, bytes: &[u8]) -> Front {
    match end {
        Some(end) => Front::Item { length: end, end },
        None if bytes.len() < LIMIT => Front::Open,
        None => Front::TooLong,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out of an input read in blocks of some length.
    fn read(input: &str, length: usize) -> Vec<String> {
        let (mut arrays, mut out) = (Arrays::default(), Vec::new());
        for block in input.as_bytes().chunks(length) {
            arrays.push(block, &mut out);
            assert!(arrays.held.len() < LIMIT);
        }
        arrays.finish(&mut out);
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(input: &str, expected: &[&str]) {
        for length in [1, 3, input.len()] {
            assert_eq!(read(input, length), expected, "blocks of {length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn where_the_blocks_were_cut_changes_nothing(
            parts in prop::collection::vec(prop::sample::select(
                &["{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "1", " ", "\n", "\n{\"good\":1},\n", "x", "\r\n"][..],
            ), 1..40),
            length in 1..20_usize,
        ) {
            let input = format!("[{}\n", parts.concat());
            let whole = read(&input, input.len());
            prop_assert_eq!(&read(&input, length), &whole);
            prop_assert!(!whole.iter().any(String::is_empty), "{:?}", whole);
        }
    }

    #[test]
    fn elements_end_at_their_bracket_whatever_stands_between_them() {
        check("[{},{}]", &["{}", "{}"]);
        check("[{}{}\n{} , \n]\n[1,\"a,]\",[[{}],2],null]", &["{}", "{}", "{}", "1", "\"a,]\"", "[[{}],2]", "null"]);
        check("[{\n  \"a\": [\n    \"}\"\n  ]\n},\n{}]", &["{   \"a\": [     \"}\"   ] }", "{}"]);
        check("[{}]\nnonsense {} []\n{}\n]\n", &["{}", "nonsense {} []", "{}", "]"]);
        check("[\"{\\\"a\\\":1}\", {}", &["{\"a\":1}", "{}"]);
        check("[{},nonsense,{} {},1", &["{}", "nonsense", "{}", "{}", "1"]);
    }

    #[test]
    fn a_broken_element_takes_no_other_along() {
        // One a line: a quote, a brace, a bracket, a colon or a comma is missing, or there is one too many.
        for bad in [
            "{\"a:1,\"b\":2}",
            "{\"a\":1",
            "{\"a\":[1}",
            "{\"a\" 1}",
            "{\"a\":{\"b\":1,\"c\":2}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":",
            "{\"a\":\"",
        ] {
            for after in [",", ""] {
                let found = read(&format!("[\n{{}},\n{bad}{after}\n{{\"x\":1}},\n{{}}\n]"), 5);
                assert_eq!(
                    (found.len(), &*found[0], &found[2..]),
                    (4, "{}", &["{\"x\":1}".into(), "{}".into()][..]),
                    "{bad}"
                );
                assert_eq!(found[1].trim_end_matches(','), bad);
            }
        }
        check("[{},{\"a\":[1},{}]", &["{}", "{\"a\":[1}", "{}"]);
        check("[{},{\"a\" 1},{}]", &["{}", "{\"a\" 1}", "{}"]);
        check("[{\"a\":1}\n{}\n{}", &["{\"a\":1}", "{}", "{}"]);
        check("[[{}\n{}\n{}\n", &["[{}", "{}", "{}"]);
    }

    #[test]
    fn a_broken_element_that_is_spread_over_lines_is_one_reject() {
        let good = "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 2\n  }\n}";
        for bad in [good.replace("\"a\"", "\"a"), good.replace("  }\n}", "  }"), good.replace(": 2", " 2")] {
            let found = read(&format!("[\n{good},\n{bad},\n{good}\n]"), 7);
            assert_eq!(found.len(), 3, "{bad}: {found:?}");
            assert_eq!(found[0], found[2]);
        }
    }

    #[test]
    fn an_element_that_is_too_long_is_cut_and_takes_no_other_along() {
        let long = "x".repeat(2 * LIMIT);
        let spread = format!("{{\n\"a\":[\n{}\n1]}}", "1,\n".repeat(LIMIT));
        let endless = format!("{{\"a\":[\n{}", "{},\n".repeat(3));
        for (bad, items) in [
            (format!("{{\"a\":\"{long}\"}}"), 1),
            (format!("{{\"a\":\"{long}\n"), 1),
            (format!("{long}\n"), 1),
            (format!("\"{long}\n"), 1),
            (format!("[[\"{long}\",1]"), 1),
            (format!("[[\"{long}\",1\n"), 1),
            (spread, 1),
            (endless, 4),
            (format!("{{\"a\" 1,{long}\n"), 1),
            (format!("{{\n\"a\":1,{}\n\"b\":2}}", " ".repeat(LIMIT)), 1),
        ] {
            let input = format!("[{{}},{bad}\n{{}}]");
            let found = read(&input, 1000);
            assert_eq!(
                (&*found[0], found.len(), found.last().unwrap().as_str()),
                ("{}", 2 + items, "{}"),
                "{:.20}",
                bad
            );
            assert!(found.iter().all(|item| item.len() <= LIMIT));
            assert_eq!(found.iter().any(|item| item.len() == LIMIT), items == 1, "as too long: {bad:.20}");
        }
    }
}
