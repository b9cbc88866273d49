//! Names: of services, monitors, clients, and of a monitor's lives (incarnations).
//!
//! A name is checked once, where it enters; whoever holds one of these types need not check again. Cloning is cheap.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::error::serde_as_text;

/// A service: 1 to 128 bytes of UTF-8 without control characters. Ordered bytewise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// The most bytes a name can have.
    pub const MAX_BYTES: usize = 128;

    /// # Errors
    /// If the name is empty, longer than 128 bytes, or has a control character.
    pub fn new(name: &str) -> Result<Self, Error> {
        const ALLOWED: &str = "1 to 128 bytes of UTF-8 without control characters";
        Self::allows(name).then(|| ServiceName(name.into())).ok_or_else(|| Error::invalid("service", name, ALLOWED))
    }

    /// Whether this could be a service's name.
    pub fn allows(name: &str) -> bool {
        (1..=Self::MAX_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
    }

    /// The name as one part of a path: all but ASCII letters, digits, `_`, `.` and `-` percent-encoded, and so is the
    /// first dot of a name that is only dots.
    ///
    /// File systems end a part at 255 bytes, which 128 encoded bytes can pass: beyond 200 it is the first 160 bytes of
    /// that, `~`, and the first 128 bits of the name's SHA-256 in hex. `~` itself is always encoded, so parts differ
    /// where names differ.
    pub fn path_part(&self) -> String {
        const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-');
        let mut part = utf8_percent_encode(&self.0, KEPT).to_string();
        if part.bytes().all(|byte| byte == b'.') {
            part.replace_range(..1, "%2E");
        }
        if part.len() > 200 {
            part.truncate(160);
            part.push('~');
            let hash = Sha256::digest(self.0.as_bytes());
            part.extend(hash.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit));
        }
        part
    }
}

/// A monitor: 1 to 64 ASCII letters, digits, `-`, `_` and `.`, not starting with `.` or `import-`.
///
/// Every such id is a path part as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(Arc<str>);

impl MonitorId {
    /// # Errors
    /// If the id is not of that form.
    pub fn new(id: &str) -> Result<Self, Error> {
        const ALLOWED: &str = "1 to 64 ASCII letters, digits, '-', '_' and '.', not starting with '.' or 'import-'";
        let form = (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && !id.starts_with('.')
            && !id.starts_with("import-");
        form.then(|| MonitorId(id.into())).ok_or_else(|| Error::invalid("monitor id", id, ALLOWED))
    }
}

/// Between a scope and an id: in neither.
const SCOPE_END: char = '\u{1f}';

/// A client of the ack protocol: 1 to 128 bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// # Errors
    /// If the id is empty, longer than 128 bytes, or has a control character.
    pub fn new(id: &str) -> Result<Self, Error> {
        const ALLOWED: &str = "1 to 128 bytes of UTF-8 without control characters";
        ServiceName::allows(id).then(|| ClientId(id.into())).ok_or_else(|| Error::invalid("client id", id, ALLOWED))
    }

    /// The most bytes a scope's name can have: with its id it fits the journal's 255.
    pub const MAX_SCOPE_BYTES: usize = 126;

    /// The client `id` of a scope, such as the holder of a token: the same as no client of another scope, nor as one
    /// without. As text the scope, U+001F, and the id; nobody can name that from outside, for it has a control character.
    ///
    /// # Errors
    /// If `id` could not be a client's, or `scope` is empty, longer than 126 bytes, or has a control character.
    pub fn scoped(scope: &str, id: &str) -> Result<Self, Error> {
        const ALLOWED: &str = "1 to 126 bytes of UTF-8 without control characters";
        let id = Self::new(id)?;
        let fits = ServiceName::allows(scope) && scope.len() <= Self::MAX_SCOPE_BYTES;
        let text = || ClientId(format!("{scope}{SCOPE_END}{id}").into());
        fits.then(text).ok_or_else(|| Error::invalid("scope", scope, ALLOWED))
    }

    /// An id as [`as_str`](Self::as_str) gave it, of a scope or without.
    ///
    /// # Errors
    /// If it is neither.
    pub fn recorded(text: &str) -> Result<Self, Error> {
        match text.split_once(SCOPE_END) {
            Some((scope, id)) => Self::scoped(scope, id),
            None => Self::new(text),
        }
    }
}

/// One life of a data folder, drawn at random at its first start. As text: 16 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(u64);

impl Incarnation {
    /// The incarnation of this random number.
    pub const fn new(random: u64) -> Self {
        Incarnation(random)
    }

    /// The random number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Incarnation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let form = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = form.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Incarnation).ok_or_else(|| Error::invalid("incarnation", text, "16 lower-case hex digits"))
    }
}

/// The lower-case hex digit of a number below 16.
pub(crate) fn hex_digit(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 })
}

macro_rules! name {
    ($($name:ident),+) => {$(
        impl $name {
            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        /// Lets a map keyed by the name be asked with a `&str`: both hash and order alike.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )+};
}
name!(ServiceName, MonitorId, ClientId);
serde_as_text!(ServiceName, MonitorId, ClientId, Incarnation);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn service_names_are_1_to_128_bytes_without_control_characters() {
        for name in ["a", "checkout", "Zahlung/ä", "a b", "..", "\u{1F600}", &"x".repeat(128)] {
            assert!(ServiceName::new(name).is_ok(), "{name:?}");
        }
        for name in ["", "a\nb", "a\u{7f}", "a\u{85}", &"x".repeat(129)] {
            assert!(ServiceName::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_path_part_can_never_climb_or_split() {
        let part = |name: &str| ServiceName::new(name).unwrap().path_part();
        assert_eq!(part("check-out_1.v2"), "check-out_1.v2");
        assert_eq!(part("."), "%2E");
        assert_eq!(part(".."), "%2E.");
        assert_eq!(part("a/b%~=ä"), "a%2Fb%25%7E%3D%C3%A4");
    }

    #[test]
    fn long_names_keep_short_and_different_path_parts() {
        let (one, two) = (format!("{}a", "ä".repeat(63)), format!("{}b", "ä".repeat(63)));
        let (one, two) = (ServiceName::new(&one).unwrap().path_part(), ServiceName::new(&two).unwrap().path_part());
        assert_eq!((one.len(), two.len()), (193, 193));
        assert_ne!(one, two);
    }

    #[test]
    fn monitor_ids_are_path_parts_and_never_look_like_imports() {
        assert!(MonitorId::new("web-1.eu_west").is_ok());
        for id in ["", ".", "..", ".hidden", "a/b", "ä", "import-x", &"x".repeat(65)] {
            assert!(MonitorId::new(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_client_of_a_scope_is_nobody_elses_and_cannot_be_named_from_outside() {
        let scoped = ClientId::scoped("ingest", "web-1").unwrap();
        assert_ne!(scoped, ClientId::scoped("ingestw", "eb-1").unwrap());
        assert_ne!(scoped, ClientId::new("web-1").unwrap());
        assert!(ClientId::new(scoped.as_str()).is_err());
        assert_eq!(ClientId::recorded(scoped.as_str()), Ok(scoped));
        assert_eq!(ClientId::recorded("web-1"), ClientId::new("web-1"));
        let longest = ClientId::scoped(&"s".repeat(126), &"c".repeat(128)).unwrap();
        assert_eq!(longest.as_str().len(), 255, "what the journal takes");
        for (scope, id) in [("", "c"), ("s", ""), ("a\u{1f}b", "c"), ("a", "b\u{1f}c"), (&"s".repeat(127), "c")] {
            assert!(ClientId::scoped(scope, id).is_err(), "{scope:?} {id:?}");
        }
        for text in ["\u{1f}c", "s\u{1f}", "a\u{1f}b\u{1f}c", "\u{7f}"] {
            assert!(ClientId::recorded(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_incarnation_is_16_hex_digits() {
        let incarnation = Incarnation::new(0xabc);
        assert_eq!(incarnation.to_string(), "0000000000000abc");
        assert_eq!("0000000000000abc".parse(), Ok(incarnation));
        for text in ["abc", "0000000000000ABC", "+000000000000abc", "00000000000000abc"] {
            assert!(text.parse::<Incarnation>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn different_services_have_different_path_parts(a in "\\PC{1,60}", b in "\\PC{1,60}") {
            let (Ok(a), Ok(b)) = (ServiceName::new(&a), ServiceName::new(&b)) else { return Ok(()) };
            prop_assert!(a.path_part().len() <= 200);
            prop_assert_eq!(a == b, a.path_part() == b.path_part());
        }
    }
}
