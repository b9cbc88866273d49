//! Where in whose log: generations, positions, and the sources that cuts speak of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::serde_as_text;
use crate::ids::{MonitorId, hex_digit};

/// The n-th stretch of a monitor's log between two rotations. In JSON a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(u64);

impl Generation {
    /// The generation of this number.
    pub const fn new(number: u64) -> Self {
        Generation(number)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one that follows.
    pub const fn next(self) -> Self {
        Generation(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point in a monitor's log: before the byte `offset` of its file number `seq`. Ordered as the log is.
///
/// As text, and in JSON: `7:4096`; as part of a file name: `0000000007.000000004096`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The log file's sequence number.
    pub seq: u64,
    /// Bytes before the point in that file.
    pub offset: u64,
}

impl Position {
    /// The point before byte `offset` of file `seq`.
    pub const fn new(seq: u64, offset: u64) -> Self {
        Position { seq, offset }
    }

    /// The form that file names hold; sorts as positions do.
    pub fn path_part(self) -> String {
        format!("{:010}.{:012}", self.seq, self.offset)
    }

    /// # Errors
    /// If the text is not what [`path_part`](Self::path_part) writes.
    pub fn from_path_part(text: &str) -> Result<Self, Error> {
        parse_pair(text, '.')
            .filter(|position| position.path_part() == text)
            .ok_or_else(|| Error::invalid("position", text, "<seq, 10 digits>.<offset, 12 digits>"))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.offset)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_pair(text, ':')
            .filter(|position| position.to_string() == text)
            .ok_or_else(|| Error::invalid("position", text, "<seq>:<offset>"))
    }
}

fn parse_pair(text: &str, between: char) -> Option<Position> {
    let (seq, offset) = text.split_once(between)?;
    Some(Position::new(seq.parse().ok()?, offset.parse().ok()?))
}

/// SHA-256 of an imported input's bytes. As text: 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportHash(pub [u8; 32]);

impl fmt::Display for ImportHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}{}", hex_digit(byte >> 4), hex_digit(byte & 15)))
    }
}

impl FromStr for ImportHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_hash(text).ok_or_else(|| Error::invalid("import hash", text, "64 lower-case hex digits"))
    }
}

fn parse_hash(text: &str) -> Option<ImportHash> {
    let mut hash = [0; 32];
    let digits = text.as_bytes();
    let form = digits.len() == 64 && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    for (byte, pair) in hash.iter_mut().zip(form.then_some(digits)?.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(ImportHash(hash))
}

/// Whose messages: a monitor's, or one import's. As text, and as a folder below `cuts/`: the monitor's id, or
/// `import-<hash>`; no monitor's id starts so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// What a monitor received.
    Monitor(MonitorId),
    /// What one file brought in.
    Import(ImportHash),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Monitor(id) => id.fmt(f),
            Source::Import(hash) => write!(f, "import-{hash}"),
        }
    }
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("import-") {
            Some(hash) => hash.parse().map(Source::Import),
            None => text.parse().map(Source::Monitor),
        }
    }
}

serde_as_text!(Position, ImportHash, Source);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_order_by_file_then_offset_and_so_do_their_path_parts() {
        let positions = [Position::new(1, 999), Position::new(2, 0), Position::new(2, 10), Position::new(10, 9)];
        assert!(positions.is_sorted());
        assert!(positions.map(Position::path_part).is_sorted());
    }

    #[test]
    fn only_the_canonical_text_of_a_position_is_read() {
        for text in ["", "1", "1:", ":1", "+1:2", "01:2", "1:2:3", "1:-2"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
        for text in ["1.2", "0000000001.00000000002", "+000000001.000000000002"] {
            assert!(Position::from_path_part(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_source_is_a_monitor_or_an_import() {
        let import = Source::Import(ImportHash([0xab; 32]));
        assert_eq!(import.to_string(), format!("import-{}", "ab".repeat(32)));
        assert_eq!(import.to_string().parse(), Ok(import));
        assert_eq!("web-1".parse(), Ok(Source::Monitor(MonitorId::new("web-1").unwrap())));
        assert!("import-xyz".parse::<Source>().is_err());
    }

    proptest! {
        #[test]
        fn a_position_survives_its_texts(seq: u64, offset: u64) {
            let position = Position::new(seq, offset);
            prop_assert_eq!(position.to_string().parse(), Ok(position));
            prop_assert_eq!(Position::from_path_part(&position.path_part()), Ok(position));
        }
    }
}
