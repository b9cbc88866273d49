//! Damage: what disks, networks and strangers do to bytes, for tests that do the same.
//!
//! Enters: bytes that are right. Leaves: the same after flips, cuts, insertions and splices. What must hold: all of it
//! follows from proptest's seed, and shrinks to less damage.

use proptest::prelude::*;
use proptest::sample::Index;

/// Texts that readers stumble over: the ends of ranges, and what delimits.
const TEXTS: [&str; 22] = [
    "0",
    "-",
    "-1",
    "+",
    "1e400",
    "18446744073709551615",
    "9223372036854775808",
    "99999999999999999999",
    "NaN",
    "null",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\u0000",
    ",",
    "/",
    "\n",
    "%FF",
    "\u{e4}",
];

/// Some steps of damage, at most four.
#[derive(Clone, Debug)]
pub struct Damage(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    /// One bit is another.
    Flip(Index, u8),
    /// One byte is another.
    Set(Index, u8),
    /// Bytes stand where there were none.
    Insert(Index, Vec<u8>),
    /// Bytes between two places are gone.
    Cut(Index, Index),
    /// Bytes between two places are zeros.
    Zero(Index, Index),
    /// Bytes between two places stand a second time, at the third.
    Splice(Index, Index, Index),
    /// Everything from a place on is gone.
    End(Index),
}

impl Damage {
    /// The bytes after it.
    #[must_use]
    pub fn to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for step in &self.0 {
            step.apply(&mut bytes);
        }
        bytes
    }

    /// A text after it; what is no UTF-8 then is replaced.
    #[must_use]
    pub fn to_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.to(text.as_bytes())).into_owned()
    }
}

impl Step {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let place = |index: &Index| index.index(length + 1);
        let between = |one: &Index, other: &Index| place(one).min(place(other))..place(one).max(place(other));
        match self {
            Step::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(place(at)) {
                    *byte ^= 1 << bit;
                }
            }
            Step::Set(at, to) => {
                if let Some(byte) = bytes.get_mut(place(at)) {
                    *byte = *to;
                }
            }
            Step::Insert(at, more) => {
                let at = place(at);
                drop(bytes.splice(at..at, more.iter().copied()));
            }
            Step::Cut(one, other) => drop(bytes.drain(between(one, other))),
            Step::Zero(one, other) => bytes[between(one, other)].fill(0),
            Step::Splice(one, other, at) => {
                let (copy, at) = (bytes[between(one, other)].to_vec(), place(at));
                drop(bytes.splice(at..at, copy));
            }
            Step::End(at) => bytes.truncate(place(at)),
        }
    }
}

/// One to four steps of damage.
pub fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    let text = prop::sample::select(TEXTS.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    let step = prop_oneof![
        2 => (place(), 0..8_u8).prop_map(|(at, bit)| Step::Flip(at, bit)),
        2 => (place(), any::<u8>()).prop_map(|(at, to)| Step::Set(at, to)),
        4 => (place(), text).prop_map(|(at, more)| Step::Insert(at, more)),
        1 => (place(), bytes()).prop_map(|(at, more)| Step::Insert(at, more)),
        2 => (place(), place()).prop_map(|(one, other)| Step::Cut(one, other)),
        1 => (place(), place()).prop_map(|(one, other)| Step::Zero(one, other)),
        2 => (place(), place(), place()).prop_map(|(one, other, at)| Step::Splice(one, other, at)),
        1 => place().prop_map(Step::End),
    ];
    prop::collection::vec(step, 1..5).prop_map(Damage)
}

/// Any bytes, few of them.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..80)
}
