//! Keys: the names of a store's files and folders.
//!
//! A key is parts joined by `/`. A part is 1 to [`Key::MAX_PART`] bytes out of
//! ASCII letters, digits and `_ . - = % ~`, is neither `.` nor `..`, and does not
//! begin with `.~`. So a key is a path on every file system and needs no escaping
//! in an object store, and no temporary file (`.~…`) is ever a key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::publish::is_temporary;

/// The name of a file or folder in a store; [`Key::root`] is the store itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a store key: parts of letters, digits and _.-=%~, joined by /")]
pub struct KeyError {
    /// The text.
    pub text: String,
}

impl Key {
    /// The longest part, in bytes: a temporary's name must fit a file system's
    /// 255 beside it.
    pub const MAX_PART: usize = 230;

    /// Checks and takes a key.
    ///
    /// # Errors
    /// [`KeyError`] for anything but parts joined by `/`.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.split('/').all(is_part) { Ok(Self(text.into())) } else { Err(KeyError { text: text.to_owned() }) }
    }

    /// The folder that holds everything: the empty key, no file's.
    pub fn root() -> Self {
        Self("".into())
    }

    /// The key as text, without a leading or trailing `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The parts, from the root down; none for the root.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The key of `part` within this folder.
    ///
    /// # Errors
    /// [`KeyError`] when `part` is not one part.
    pub fn join(&self, part: &str) -> Result<Self, KeyError> {
        if !is_part(part) {
            return Err(KeyError { text: part.to_owned() });
        }
        Ok(self.push(part))
    }

    /// Whether this lies in the folder `folder`, at any depth.
    pub fn is_below(&self, folder: &Self) -> bool {
        if folder.0.is_empty() {
            return !self.0.is_empty();
        }
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Where the key lies below `root` in a file system.
    pub fn below(&self, root: &Path) -> PathBuf {
        self.parts().fold(root.to_owned(), |path, part| path.join(part))
    }

    /// Joins a part that is known to be one.
    pub(crate) fn push(&self, part: &str) -> Self {
        debug_assert!(is_part(part), "{part:?}");
        if self.0.is_empty() { Self(part.into()) } else { Self(format!("{}/{part}", self.0).into()) }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

pub(crate) fn is_part(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-=%~".contains(&byte);
    (1..=Key::MAX_PART).contains(&text.len())
        && text != "."
        && text != ".."
        && !is_temporary(text)
        && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_plain_parts_joined_by_slashes() {
        for good in ["a", "a/b", "service=a%20b/date=2026-01-01/x.parquet", ".hidden", "a..b"] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "/a", "a/", "a//b", ".", "a/../b", "a+b", ".~x-0", "a b", "ä", "a\\b"] {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
        assert!(Key::new(&"x".repeat(Key::MAX_PART + 1)).is_err());
    }

    #[test]
    fn a_key_is_below_its_folders_and_not_below_a_name_it_merely_starts_with() {
        let key = Key::new("cuts/host-1/7.json").unwrap();
        assert!(key.is_below(&Key::root()));
        assert!(key.is_below(&Key::new("cuts/host-1").unwrap()));
        assert!(!key.is_below(&Key::new("cuts/host").unwrap()));
        assert!(!key.is_below(&key));
        assert_eq!(key.name(), "7.json");
        assert_eq!(key.below(Path::new("/s")), Path::new("/s/cuts/host-1/7.json"));
    }
}
