//! Names seen lately, as text: that a name is UTF-8 is checked when it is first seen, not with every line.
//!
//! A hash table of fixed size without chains: a name that finds another in its place takes it. Names longer than 16
//! bytes are checked each time.

use std::ops::Range;

use crate::swar;

/// A power of two: as many as are likely to take turns on a connection or in a file, several times over.
const PLACES: usize = 256;

#[derive(Debug)]
pub(super) struct Names {
    places: Box<[Name; PLACES]>,
}

/// A name of up to 16 bytes; before the first, none.
#[derive(Clone, Debug, Default)]
struct Name {
    /// Its bytes, zeros behind them: names hold no NUL.
    bytes: u128,
    text: Box<str>,
}

impl Names {
    pub(super) fn new() -> Names {
        Names { places: Box::new(std::array::from_fn(|_| Name::default())) }
    }

    /// The bytes of this range, which are a valid name's UTF-8, as text.
    #[inline]
    pub(super) fn text<'a>(&'a mut self, bytes: &'a [u8], name: Range<usize>) -> &'a str {
        if name.len() > 16 {
            return text(&bytes[name]);
        }
        let packed = swar::padded(bytes, name.start, name.len());
        let known = &mut self.places[place(packed)];
        if known.bytes != packed {
            *known = Name { bytes: packed, text: text(&bytes[name]).into() };
        }
        &known.text
    }
}

fn text(name: &[u8]) -> &str {
    str::from_utf8(name).unwrap_or_default()
}

#[inline]
fn place(name: u128) -> usize {
    let mixed = (name as u64 ^ ((name >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_place_are_each_given_back() {
        let mut names = Names::new();
        for i in (0..2 * PLACES).chain(0..2 * PLACES) {
            let name = format!("gr\u{fc}n-{i}");
            assert_eq!(names.text(name.as_bytes(), 0..name.len()), name);
        }
    }

    #[test]
    fn a_name_is_no_other_that_it_begins() {
        let mut names = Names::new();
        let bytes = b"recommendations-eu-west-1";
        for length in (1..=bytes.len()).chain(1..=bytes.len()) {
            assert_eq!(names.text(bytes, 0..length).as_bytes(), &bytes[..length]);
        }
    }
}
