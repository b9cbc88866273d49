//! The settings that only a store in HDFS knows: a mode, the names of users, groups and principals, a keytab.

use std::fmt;

use super::setting::Setting;

/// The mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

impl Setting for Mode {
    const PLACEHOLDER: &'static str = "MODE";

    fn read(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('0').filter(|digits| digits.len() == 3).unwrap_or(text);
        match u32::from_str_radix(digits, 8) {
            Ok(mode) if digits.len() == 3 && mode & 0o600 == 0o600 => Ok(Self(mode)),
            Ok(_) if digits.len() == 3 => Err("its owner could not read and write".into()),
            _ => Err("it is no mode".into()),
        }
    }

    fn allowed() -> String {
        "three octal digits from 600 to 777, as in 640".into()
    }
}

/// The name of a user, a group or a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Name {
    const PLACEHOLDER: &'static str = "NAME";

    fn read(text: &str) -> Result<Self, String> {
        match text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            true => Err("it is no name".into()),
            false => Ok(Self(text.to_owned())),
        }
    }

    fn allowed() -> String {
        "a name without blanks".into()
    }
}

/// A file on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath(pub(crate) String);

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for FilePath {
    const PLACEHOLDER: &'static str = "FILE";

    fn read(text: &str) -> Result<Self, String> {
        if text.contains('\0') { Err("a path holds no NUL".into()) } else { Ok(Self(text.to_owned())) }
    }

    fn allowed() -> String {
        "a file on this machine".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_leaves_the_file_to_its_owner() {
        for (text, mode) in [("640", 0o640), ("0644", 0o644), ("600", 0o600), ("777", 0o777)] {
            assert_eq!(Mode::read(text), Ok(Mode(mode)), "{text}");
        }
        assert_eq!(Mode(0o640).to_string(), "640");
        for text in ["", "64", "648", "440", "1644", "u=rw", "00640"] {
            assert!(Mode::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_hold_what_principals_need_and_no_blanks() {
        for good in ["hourglass/host.example@EXAMPLE.COM", "first.last", "ops"] {
            assert!(Name::read(good).is_ok(), "{good}");
        }
        assert!(Name::read("two words").is_err());
    }
}
