//! JSON's tokens within one line, checked to the letter.
//!
//! RFC 8259, and on top of it: `\n` is no white space (it ends the line, and with it anything unfinished), nesting
//! ends at [`MAX_DEPTH`], and `NaN`, `Infinity` and `-Infinity`, which some clients write, are tokens, so that the
//! reject can say what is wrong and the object's end is known. These, strings that are not UTF-8 and halves of
//! surrogate pairs are noted as the [flaw](Lexer::flaw), and reading goes on.

use crate::Reject;
use crate::number;
use crate::swar;

/// How deep objects and arrays may nest, the message itself included.
pub(super) const MAX_DEPTH: usize = 64;

/// Why a token could not be read. A whole word, as [`Kind`] is: results of both are then copied in words, where single
/// bytes would be split off at odd offsets, which the processor cannot forward from the stores just before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Stop {
    /// The bytes end here; more may complete it.
    Incomplete,
    /// No bytes can mend it.
    Invalid,
}

/// Where a value is, and what. Flat, because it is copied often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) kind: Kind,
    /// For a string, after its quote.
    pub(super) start: usize,
    /// For a string, before its quote.
    pub(super) end: usize,
}

/// What a value is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Kind {
    Text,
    /// A string that has escapes, which are valid.
    EscapedText,
    Number,
    /// A literal, an array, an object.
    Other,
}

impl Value {
    /// Its bytes as they stand.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.end]
    }
}

/// Reads tokens one after the other.
#[derive(Debug)]
pub(super) struct Lexer<'b> {
    pub(super) bytes: &'b [u8],
    /// Where the next token starts, or the white space before it.
    pub(super) at: usize,
    /// The first thing seen that is not JSON but does not keep the object's end from being found.
    pub(super) flaw: Option<Reject>,
}

impl<'b> Lexer<'b> {
    pub(super) fn new(bytes: &'b [u8], at: usize) -> Self {
        Lexer { bytes, at, flaw: None }
    }

    /// The next byte that is not white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, Stop> {
        loop {
            match self.bytes.get(self.at) {
                Some(byte @ b'!'..) => return Ok(*byte),
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Stop::Incomplete),
            }
        }
    }

    /// Takes the byte that opens an object or array; whether anything is in it.
    #[inline]
    pub(super) fn open(&mut self, close: u8) -> Result<bool, Stop> {
        self.at += 1;
        let empty = self.peek()? == close;
        self.at += usize::from(empty);
        Ok(!empty)
    }

    /// Takes what follows a member or element; whether another one follows.
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Result<bool, Stop> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Ok(true),
            byte if byte == close => Ok(false),
            _ => Err(Stop::Invalid),
        }
    }

    /// Takes a member's key and the colon.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Value, Stop> {
        if self.peek()? != b'"' {
            return Err(Stop::Invalid);
        }
        let key = self.text()?;
        if self.peek()? != b':' {
            return Err(Stop::Invalid);
        }
        self.at += 1;
        Ok(key)
    }

    /// Takes a value that has so many objects and arrays around it; every string and number in it is given to `seen`.
    pub(super) fn value(&mut self, depth: usize, seen: &mut impl FnMut(Value)) -> Result<Value, Stop> {
        let byte = self.peek()?;
        let start = self.at;
        match byte {
            b'"' => {
                let text = self.text()?;
                seen(text);
                return Ok(text);
            }
            b'-' if self.bytes.get(self.at + 1) == Some(&b'I') => self.not_a_number(b"-Infinity")?,
            b'-' | b'0'..=b'9' => {
                let number = self.number()?;
                seen(number);
                return Ok(number);
            }
            b'{' | b'[' if depth == MAX_DEPTH => return Err(Stop::Invalid),
            b'{' => self.object(depth + 1, seen)?,
            b'[' => self.array(depth + 1, seen)?,
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            b'N' => self.not_a_number(b"NaN")?,
            b'I' => self.not_a_number(b"Infinity")?,
            _ => return Err(Stop::Invalid),
        }
        Ok(Value { kind: Kind::Other, start, end: self.at })
    }

    fn object(&mut self, depth: usize, seen: &mut impl FnMut(Value)) -> Result<(), Stop> {
        let mut more = self.open(b'}')?;
        while more {
            self.key()?;
            self.value(depth, seen)?;
            more = self.more(b'}')?;
        }
        Ok(())
    }

    fn array(&mut self, depth: usize, seen: &mut impl FnMut(Value)) -> Result<(), Stop> {
        let mut more = self.open(b']')?;
        while more {
            self.value(depth, seen)?;
            more = self.more(b']')?;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let start = self.at;
        self.at = number::end(self.bytes, start).map_err(|broken| self.stop(broken))?;
        Ok(Value { kind: Kind::Number, start, end: self.at })
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Stop> {
        for byte in word {
            if self.bytes.get(self.at) != Some(byte) {
                return Err(self.stop(self.at));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn not_a_number(&mut self, word: &[u8]) -> Result<(), Stop> {
        self.literal(word)?;
        self.flaw.get_or_insert(Reject::NumberOutOfRange);
        Ok(())
    }

    /// Takes the string whose opening quote is next.
    #[inline]
    pub(super) fn text(&mut self) -> Result<Value, Stop> {
        let start = self.at + 1;
        let end = swar::plain_text_end(self.bytes, start);
        if self.bytes.get(end) != Some(&b'"') {
            return self.any_text(start, end);
        }
        self.at = end + 1;
        Ok(Value { kind: Kind::Text, start, end })
    }

    /// [`text`](Self::text) of any content; up to `at` it is plain.
    fn any_text(&mut self, start: usize, at: usize) -> Result<Value, Stop> {
        let (mut at, mut kind, mut ascii) = (at, Kind::Text, true);
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => (at, kind) = (self.escape(at)?, Kind::EscapedText),
                Some(0..0x20) => return Err(Stop::Invalid),
                Some(byte) => (at, ascii) = (at + 1, ascii && byte.is_ascii()),
                None => return Err(Stop::Incomplete),
            }
            at = swar::plain_text_end(self.bytes, at);
        }
        if !ascii && std::str::from_utf8(&self.bytes[start..at]).is_err() {
            self.flaw.get_or_insert(Reject::InvalidUtf8);
        }
        self.at = at + 1;
        Ok(Value { kind, start, end: at })
    }

    /// The end of the escape, or pair of surrogate escapes, that starts at `at`.
    fn escape(&mut self, at: usize) -> Result<usize, Stop> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(at + 2),
            Some(b'u') => {}
            _ => return Err(self.stop(at + 1)),
        }
        match self.hex4(at + 2)? {
            0xd800..0xdc00 if self.low_surrogate_follows(at + 6)? => Ok(at + 12),
            0xd800..0xe000 => {
                self.flaw.get_or_insert(Reject::InvalidUtf8);
                Ok(at + 6)
            }
            _ => Ok(at + 6),
        }
    }

    fn low_surrogate_follows(&self, at: usize) -> Result<bool, Stop> {
        for (i, byte) in b"\\u".iter().enumerate() {
            match self.bytes.get(at + i) {
                Some(found) if found == byte => {}
                Some(_) => return Ok(false),
                None => return Err(Stop::Incomplete),
            }
        }
        Ok((0xdc00..0xe000).contains(&self.hex4(at + 2)?))
    }

    fn hex4(&self, at: usize) -> Result<u32, Stop> {
        (at..at + 4).try_fold(0, |code, at| {
            let digit = self.bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            digit.map(|digit| code * 16 + digit).ok_or_else(|| self.stop(at))
        })
    }

    /// What it means that the byte at `at` is not the one it had to be.
    fn stop(&self, at: usize) -> Stop {
        if at >= self.bytes.len() { Stop::Incomplete } else { Stop::Invalid }
    }
}

/// Appends the content of a string whose escapes are valid and have no half surrogate pairs.
pub(super) fn unescape(content: &[u8], out: &mut Vec<u8>) {
    let mut rest = content;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..plain]);
        let code = rest[plain + 1];
        rest = &rest[plain + 2..];
        let unescaped = match code {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => unescape_code_point(&mut rest),
            same => char::from(same),
        };
        out.extend_from_slice(unescaped.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.extend_from_slice(rest);
}

/// Takes the four hex digits after `\u`, and the second escape if they are the first half of a surrogate pair.
fn unescape_code_point(rest: &mut &[u8]) -> char {
    let mut code = take_hex4(rest);
    if (0xd800..0xdc00).contains(&code) {
        *rest = rest.strip_prefix(b"\\u").unwrap_or(rest);
        code = 0x10000 + ((code - 0xd800) << 10) + (take_hex4(rest) & 0x3ff);
    }
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn take_hex4(rest: &mut &[u8]) -> u32 {
    let (digits, after) = rest.split_at(rest.len().min(4));
    *rest = after;
    digits.iter().fold(0, |code, byte| code * 16 + char::from(*byte).to_digit(16).unwrap_or_default())
}

/// Where something that is no message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// After this brace.
    Brace(usize),
    /// Before this newline.
    Newline(usize),
    /// Not within the bytes.
    Unknown,
}

/// The end of the broken object that starts at `at`: its closing brace, if counting braces outside of strings finds
/// it before the line ends.
pub(super) fn end_of_broken(bytes: &[u8], at: usize) -> End {
    let (mut at, mut depth, mut quoted) = (at, 0_usize, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' => return End::Newline(at),
            b'\\' if quoted => at += usize::from(bytes.get(at + 1).is_some_and(|next| *next != b'\n')),
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return End::Brace(at);
        }
    }
    End::Unknown
}
