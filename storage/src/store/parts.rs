//! Parts of files that grow: their names, and what a listing of them says. Nothing here asks a server.
//!
//! Enters: names and lengths as a server lists them. Leaves: files, each the longest run of its parts, in which each
//! starts where the one before ends.

#[cfg(feature = "bucket")]
use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use crate::store::Key;
#[cfg(feature = "bucket")]
use crate::store::Listed;

/// Ends the name of the folder that holds a file's parts. In no key.
const MARK: char = '@';
/// Decimal digits of a part's start.
const DIGITS: usize = 20;

/// A part of a file that grows: never empty, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// Where it begins in the file.
    pub(crate) start: u64,
    /// Where it ends.
    pub(crate) end: u64,
}

impl Part {
    /// What it has of these bytes of the file, counted from its own start; empty where that is nothing.
    pub(crate) fn stretch(&self, range: &Range<u64>) -> Range<u64> {
        let within = |at: u64| at.clamp(self.start, self.end) - self.start;
        within(range.start)..within(range.end)
    }
}

/// Stretches of a file that follow one another, as one; a single one is not copied.
pub(crate) fn joined(stretches: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(stretches) {
        Ok([stretch]) => stretch,
        Err(stretches) => stretches.concat().into(),
    }
}

/// What an object below the store's prefix is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// A whole file.
    Whole(Key),
    /// The part of this file that starts here.
    Part(Key, u64),
}

/// The folder of the file's parts, below the store's prefix.
pub(crate) fn folder(key: &Key) -> String {
    format!("{key}{MARK}")
}

/// The file whose parts this folder holds; `None` for another folder.
#[cfg(feature = "hdfs")]
pub(crate) fn grown(folder: &str) -> Option<Key> {
    folder.strip_suffix(MARK).and_then(|name| Key::new(name).ok())
}

/// The object of the file's part that starts here, below the store's prefix.
pub(crate) fn object(key: &Key, start: u64) -> String {
    format!("{}/{start:0DIGITS$}{}", folder(key), ending(key))
}

/// What the object of this name is; `None` for what this wrote nowhere.
pub(crate) fn parse(name: &str) -> Option<Object> {
    let Some((file, part)) = name.rsplit_once('/').and_then(|(folder, part)| Some((folder.strip_suffix(MARK)?, part)))
    else {
        return Key::new(name).ok().map(Object::Whole);
    };
    let key = Key::new(file).ok()?;
    let digits = part.strip_suffix(ending(&key)).filter(|digits| digits.len() == DIGITS)?;
    let start = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    Some(Object::Part(key, start))
}

/// The key's ending, its dot included; empty without one.
fn ending(key: &Key) -> &str {
    let name = key.name();
    name.rfind('.').map_or("", |dot| &name[dot..])
}

/// The longest run of parts from `start`.
pub(crate) fn run(start: u64, mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_unstable();
    let mut end = start;
    parts.retain(|part| {
        let next = part.start == end && part.end > end;
        end = if next { part.end } else { end };
        next
    });
    parts
}

/// The files of a listing of names below the store's prefix and lengths, sorted.
#[cfg(feature = "bucket")]
pub(crate) fn files(objects: impl Iterator<Item = (String, u64)>) -> Vec<Listed> {
    let mut whole = BTreeMap::new();
    let mut grown: BTreeMap<Key, Vec<Part>> = BTreeMap::new();
    for (name, len) in objects {
        match parse(&name) {
            Some(Object::Whole(key)) => drop(whole.insert(key, len)),
            Some(Object::Part(key, start)) => {
                grown.entry(key).or_default().push(Part { start, end: start.saturating_add(len) });
            }
            None => {}
        }
    }
    for (key, parts) in grown {
        if let Some(last) = run(0, parts).last() {
            whole.entry(key).or_insert(last.end);
        }
    }
    whole.into_iter().map(|(key, len)| Listed { key, len }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text).unwrap()
    }

    fn parts(parts: &[(u64, u64)]) -> Vec<Part> {
        parts.iter().map(|&(start, end)| Part { start, end }).collect()
    }

    #[test]
    fn a_part_is_named_by_its_start_and_its_files_ending() {
        assert_eq!(object(&key("a/b.ndjson"), 100), "a/b.ndjson@/00000000000000000100.ndjson");
        assert_eq!(object(&key("b"), u64::MAX), "b@/18446744073709551615");
    }

    #[test]
    fn a_name_is_a_whole_file_a_part_or_nothing_of_ours() {
        for name in ["a/b.ndjson", "b", "a/...", "a/x.y.z", "date=1/.hidden"] {
            assert_eq!(parse(name), Some(Object::Whole(key(name))));
            for start in [0, 7, u64::MAX] {
                assert_eq!(parse(&object(&key(name), start)), Some(Object::Part(key(name), start)), "{name}");
            }
        }
        for foreign in [
            "a@",
            "a@/7",
            "a.x@/00000000000000000007",
            "a.x@/00000000000000000007.y",
            "a@/+0000000000000000007",
            "a@/99999999999999999999",
            "@/00000000000000000007",
            "a@/b/00000000000000000007",
            ".~probe-00",
        ] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_file_is_the_longest_run_of_parts_from_0() {
        assert_eq!(run(0, parts(&[(5, 9), (0, 5)])), parts(&[(0, 5), (5, 9)]));
        assert_eq!(run(0, parts(&[(0, 5), (6, 9)])), parts(&[(0, 5)]), "a gap ends it");
        assert_eq!(run(0, parts(&[(0, 5), (3, 9), (5, 7)])), parts(&[(0, 5), (5, 7)]), "none starts inside another");
        assert_eq!(run(0, parts(&[(5, 9)])), []);
        assert_eq!(run(0, parts(&[(0, 0), (0, 4)])), parts(&[(0, 4)]));
        assert_eq!(run(5, parts(&[(0, 5), (5, 9)])), parts(&[(5, 9)]), "from elsewhere too");
    }

    #[test]
    fn a_part_has_of_a_range_what_lies_in_it() {
        let part = Part { start: 5, end: 9 };
        for (range, stretch) in [(0..20, 0..4), (6..8, 1..3), (0..6, 0..1), (8..20, 3..4)] {
            assert_eq!(part.stretch(&range), stretch, "{range:?}");
        }
        for range in [0..5, 9..20, 7..7, 2..2] {
            assert!(part.stretch(&range).is_empty(), "{range:?}");
        }
    }

    #[test]
    fn a_listing_shows_a_grown_file_once_and_a_whole_one_before_its_parts() {
        let objects = [
            ("m/a.x@/00000000000000000005.x", 3),
            ("m/a.x@/00000000000000000000.x", 5),
            ("m/b", 2),
            ("m/b@/00000000000000000000", 9),
            ("m/late@/00000000000000000009", 9),
            ("m/.~probe-00", 1),
        ];
        let listed = files(objects.iter().map(|&(name, len)| (name.to_owned(), len)));
        assert_eq!(listed, [Listed { key: key("m/a.x"), len: 8 }, Listed { key: key("m/b"), len: 2 }]);
    }
}
