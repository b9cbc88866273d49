//! Tokens: 256 random bits as text, and their fingerprint, which is all that is kept of one.
//!
//! A fingerprint is the SHA-256 of the token's text. That is enough at rest: a token is drawn, not thought up, so
//! nobody can try the likely ones, and a slow hash as passwords need would only slow each request.

use std::fmt;
use std::str::FromStr;

use schema::Secret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// What all tokens begin with, so that whoever finds one, a scanner of repositories say, knows it.
const PREFIX: &str = "hg_";

/// Makes a token of 32 bytes that nobody can guess.
#[must_use]
pub fn new_token(random: [u8; 32]) -> Secret {
    Secret::new(&format!("{PREFIX}{}", Fingerprint(random)))
}

/// The SHA-256 of a token. As text: 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of this token.
    #[must_use]
    pub fn of(token: &Secret) -> Self {
        Self(Sha256::digest(token.expose().as_bytes()).into())
    }

    /// Whether they are the same, in a time that does not tell where they differ.
    pub(crate) fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "it must be 64 lower-case hex digits, as `hourglass token new` prints them".to_owned();
        let form = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = if form { &text[2 * at..2 * at + 2] } else { return Err(wrong()) };
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_sha_256_of_the_text() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Fingerprint::of(&Secret::new("abc")).to_string(), known);
        assert_eq!(known.parse(), Ok(Fingerprint::of(&Secret::new("abc"))));
        for wrong in ["", &known[1..], &known.to_uppercase(), &format!("{}é", &known[2..])] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn tokens_are_known_by_their_beginning_and_differ() {
        let (one, two) = (new_token([1; 32]), new_token([2; 32]));
        assert!(one.expose().starts_with("hg_01") && one != two && one.expose().len() == 67);
        assert!(bool::from(Fingerprint::of(&one).same(&Fingerprint::of(&one))));
        assert!(!bool::from(Fingerprint::of(&one).same(&Fingerprint::of(&two))));
    }
}
