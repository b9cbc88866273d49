//! Patterns of services: text in which `*` stands for any text, none included. Nothing else is special.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Which services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Self("*".into())
    }

    /// Whether it is all of them.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'*')
    }

    /// Whether it matches. Takes a time of at most the product of both lengths, whatever the pattern.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where the last star was, and how far the name was then.
        let mut star = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(byte) if *byte == name[n] => (p, n) = (p + 1, n + 1),
                _ => {
                    // The last star takes one byte more.
                    let Some((at, taken)) = star else { return false };
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (1..=256).contains(&text.len()) && !text.chars().any(char::is_control) {
            true => Ok(Self(text.into())),
            false => Err(format!("{text:?} is no pattern: 1 to 256 bytes without control characters")),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    /// The same, as it is defined.
    fn plainly(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skipped| plainly(rest, &name[skipped..])),
            Some((byte, rest)) => name.first() == Some(byte) && plainly(rest, &name[1..]),
        }
    }

    #[test]
    fn a_star_is_any_text_and_all_else_is_itself() {
        for (text, name) in [("check*", "checkout"), ("*", "a"), ("a*c*e", "abcde"), ("[a].?", "[a].?"), ("*ä", "Zä")]
        {
            assert!(pattern(text).matches(name), "{text} {name}");
        }
        for (text, name) in [("check*", "recheck"), ("a", "A"), ("a*", "b"), ("?", "a"), ("a", "ab"), ("ab", "a")] {
            assert!(!pattern(text).matches(name), "{text} {name}");
        }
        assert!("".parse::<Pattern>().is_err() && "a\nb".parse::<Pattern>().is_err());
        assert!(pattern("**").is_all() && !pattern("*a").is_all());
    }

    proptest! {
        #[test]
        fn it_matches_what_the_definition_matches(text in "[ab*]{1,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(pattern(&text).matches(&name), plainly(text.as_bytes(), name.as_bytes()));
        }
    }
}
