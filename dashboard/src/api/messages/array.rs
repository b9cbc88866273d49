//! A JSON array as lines: each element becomes one.
//!
//! In: the bytes of one array, and white space around it. Out: each element's bytes on a line of its own, as they are,
//! but for white space between an element's parts, which becomes spaces; what is around an element is no part of its
//! line. A newline within a string, where JSON allows none, becomes U+0001, where JSON allows none either, so the line
//! is rejected as the element would be.
//!
//! What must hold: what an element means is not judged here, only where it ends; an error says that no line of the
//! array can be counted on: it has no end, or something stands where a comma or an element should. Nothing is held back
//! but a number of spaces, so memory does not grow with an element.

use std::io::{self, Read};

const PIECE: usize = 32 << 10;

/// The elements of an array.
pub(super) struct Elements<R> {
    from: R,
    piece: Box<[u8]>,
    /// What of the piece is not taken apart yet.
    rest: std::ops::Range<usize>,
    at: At,
    /// An element has begun.
    begun: bool,
    /// Open brackets and braces within it.
    depth: usize,
    /// White space that is part of the element if more of it follows.
    spaces: usize,
    /// How many elements have ended.
    elements: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Before,
    Outside,
    String,
    Escaped,
    Behind,
}

impl<R: Read> Elements<R> {
    pub(super) fn new(from: R) -> Self {
        let piece = vec![0; PIECE].into_boxed_slice();
        Self { from, piece, rest: 0..0, at: At::Before, begun: false, depth: 0, spaces: 0, elements: 0 }
    }

    /// Takes the next byte; what it becomes, if anything.
    fn step(&mut self, byte: u8) -> io::Result<Option<u8>> {
        let (at, become_) = match (self.at, byte) {
            (At::String, b'\\') => (At::Escaped, Some(byte)),
            (At::String, b'"') => (At::Outside, Some(byte)),
            (At::String | At::Escaped, b'\n') => (At::String, Some(1)),
            (At::String | At::Escaped, _) => (At::String, Some(byte)),
            (at, b' ' | b'\t' | b'\r' | b'\n') if self.depth > 0 => (at, Some(b' ')),
            (at, b' ' | b'\t' | b'\r' | b'\n') => {
                self.spaces += usize::from(self.begun);
                (at, None)
            }
            (At::Before, b'[') => (At::Outside, None),
            (At::Before, _) => return Err(self.wrong("it does not begin with [")),
            (At::Behind, _) => return Err(self.wrong("something follows its ]")),
            (At::Outside, b',') if self.depth == 0 => (At::Outside, Some(self.end_element()?)),
            (At::Outside, b']') if self.depth == 0 && !self.begun && self.elements == 0 => (At::Behind, None),
            (At::Outside, b']') if self.depth == 0 => (At::Behind, Some(self.end_element()?)),
            (At::Outside, b'}') if self.depth == 0 => return Err(self.wrong("a } closes nothing")),
            (At::Outside, _) => {
                self.begun = true;
                match byte {
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
                (if byte == b'"' { At::String } else { At::Outside }, Some(byte))
            }
        };
        self.at = at;
        Ok(become_)
    }

    /// Whether spaces that are held back go before this byte: it goes on with their element.
    fn owes_space(&self, byte: u8) -> bool {
        self.spaces > 0 && !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']')
    }

    fn end_element(&mut self) -> io::Result<u8> {
        self.spaces = 0;
        if !std::mem::take(&mut self.begun) {
            return Err(self.wrong("there is no element before a comma or the ]"));
        }
        self.elements += 1;
        Ok(b'\n')
    }

    fn wrong(&self, what: &str) -> io::Error {
        let after = self.elements;
        io::Error::new(io::ErrorKind::InvalidData, format!("the body is no JSON array: after {after} elements {what}"))
    }
}

impl<R: Read> Read for Elements<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            if self.rest.is_empty() {
                let read = self.from.read(&mut self.piece)?;
                if read == 0 && self.at != At::Behind {
                    return Err(self.wrong("it has no end"));
                }
                if read == 0 {
                    break;
                }
                self.rest = 0..read;
            }
            let byte = self.piece[self.rest.start];
            if self.owes_space(byte) {
                self.spaces -= 1;
                into[filled] = b' ';
                filled += 1;
                continue;
            }
            self.rest.start += 1;
            if let Some(byte) = self.step(byte)? {
                into[filled] = byte;
                filled += 1;
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn lines(array: &[u8]) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        Elements::new(array).read_to_end(&mut lines)?;
        Ok(lines)
    }

    #[test]
    fn each_element_is_a_line() {
        assert_eq!(lines(b" [ ] \n").unwrap(), b"");
        assert_eq!(lines(b"[{\"a\":\r\n [1, 2]} ,\n2,\"],[\\\"\"]").unwrap(), b"{\"a\":   [1, 2]}\n2\n\"],[\\\"\"\n");
        assert_eq!(lines(b"[\"a\nb\\\n\"]").unwrap(), b"\"a\x01b\\\x01\"\n", "still no JSON");
        assert_eq!(lines(b"[1\r2,\x0c]").unwrap(), b"1 2\n\x0c\n", "no JSON either way");
    }

    #[test]
    fn white_space_around_an_element_is_no_part_of_its_line() {
        assert_eq!(lines(b"[ 1 \n, 2\t 3 ,\r\n\"a \" , [ ] ]").unwrap(), b"1\n2  3\n\"a \"\n[ ]\n");
        let spaces = " ".repeat(3 * PIECE);
        assert_eq!(lines(format!("[1{spaces},{spaces}2{spaces}]").as_bytes()).unwrap(), b"1\n2\n");
        let apart = lines(format!("[1{spaces}2]").as_bytes()).unwrap();
        assert_eq!(apart, format!("1{spaces}2\n").as_bytes(), "no JSON either way");
    }

    #[test]
    fn what_has_no_elements_to_count_is_refused() {
        for text in ["", "{}", "[", "[{}", "[{},]", "[,{}]", "[{},,{}]", "[{}] x", "[{}}]", "[\"]", "[{}],"] {
            assert!(lines(text.as_bytes()).is_err(), "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i32>().prop_map(Value::from), ".{0,6}".prop_map(Value::from)];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,3}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_line_is_its_element_however_the_array_is_written(values in prop::collection::vec(value(), 0..8), pretty: bool) {
            let array = Value::from(values.clone());
            let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
            let lines = String::from_utf8(lines(text.as_bytes()).unwrap()).unwrap();
            let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
