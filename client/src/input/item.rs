//! One item of an input on its way to being one line.
//!
//! In: an item's bytes: an object, a string holding one, or anything else. Out: one line. Must hold: a valid item
//! stays the same message, an invalid one stays invalid, and neither has a line feed inside.

use schema::MAX_LINE;

/// How much of an item is kept: one byte more than a line may have, so that the receiver sees it as too long.
pub(super) const LIMIT: usize = MAX_LINE + 1;

/// Appends `item` as one line; a string that holds an object is unwrapped.
pub(super) fn push_item(item: &[u8], out: &mut Vec<u8>) {
    let item = item.trim_ascii();
    match unwrap(item) {
        Some(object) => push_flat(object.as_bytes(), out),
        None => push_flat(item, out),
    }
    out.push(b'\n');
}

/// Appends the first `LIMIT` bytes of an item that is too long, as one line that is too long.
pub(super) fn push_head(head: &[u8], out: &mut Vec<u8>) {
    push_flat(head, out);
    out.push(b'\n');
}

/// The object in a JSON string, if `item` is one.
fn unwrap(item: &[u8]) -> Option<String> {
    if item.first() != Some(&b'"') {
        return None;
    }
    let text: String = serde_json::from_slice(item).ok()?;
    text.trim_ascii_start().starts_with('{').then_some(text)
}

/// Appends `item` without line feeds: outside of strings they are white space and become spaces; inside they are
/// errors, and become carriage returns, which are errors too.
fn push_flat(item: &[u8], out: &mut Vec<u8>) {
    let item = &item[..item.len().min(LIMIT)];
    let start = out.len();
    out.extend_from_slice(item);
    if memchr::memchr(b'\n', item).is_none() {
        return;
    }
    let mut scan = Scan::default();
    for byte in &mut out[start..] {
        if *byte == b'\n' {
            *byte = if scan.in_string() { b'\r' } else { b' ' };
        }
        scan.step(*byte);
    }
}

/// Where in a JSON text we are: in a string, and how deep.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    depth: usize,
    string: bool,
    escaped: bool,
}

impl Scan {
    pub(super) fn in_string(self) -> bool {
        self.string
    }

    /// Neither in a string nor inside brackets.
    pub(super) fn at_top(self) -> bool {
        self.depth == 0 && !self.string
    }

    #[inline]
    pub(super) fn step(&mut self, byte: u8) {
        if self.string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
