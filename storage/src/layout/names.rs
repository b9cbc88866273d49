//! File names that hold more than a number. Each is written by `Display` and
//! read by `parse`, which accepts nothing else.

use std::fmt;
use std::str::FromStr;

use schema::{Generation, ImportHash, MonitorId, Position};

/// The name of a dated file: a stretch of raw messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatedName {
    /// `<id>-<seq:010>.ndjson`: a monitor's day log.
    Log {
        /// The monitor.
        id: MonitorId,
        /// Which of its files.
        seq: u64,
    },
    /// `import-<hash>-<attempt:8 hex>-<part:06>.ndjson`: a part of an import.
    Import {
        /// The input.
        import: ImportHash,
        /// Which try at importing it: random.
        attempt: u32,
        /// Which of that try's files.
        part: u64,
    },
}

impl DatedName {
    /// Reads such a name.
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".ndjson")?;
        let (front, number) = stem.rsplit_once('-')?;
        match front.strip_prefix("import-") {
            Some(import) => {
                let (import, attempt) = import.split_once('-')?;
                let (import, attempt) = (import.parse().ok()?, parse_attempt(attempt)?);
                Some(Self::Import { import, attempt, part: parse_padded(number, 6)? })
            }
            None => Some(Self::Log { id: front.parse().ok()?, seq: parse_padded(number, 10)? }),
        }
    }
}

impl fmt::Display for DatedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log { id, seq } => write!(f, "{id}-{seq:010}.ndjson"),
            Self::Import { import, attempt, part } => write!(f, "import-{import}-{attempt:08x}-{part:06}.ndjson"),
        }
    }
}

/// The name of a realtime view, `<g:010>-<from>-<to>.parquet`: the messages of
/// one generation between two positions. Sorts by generation, then position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RealtimeName {
    /// The generation.
    pub generation: Generation,
    /// Where it begins: the cut of the generation before.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
}

impl RealtimeName {
    /// Reads such a name.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".parquet")?.splitn(3, '-');
        let generation = Generation::new(parse_padded(parts.next()?, 10)?);
        let from = Position::from_path_part(parts.next()?).ok()?;
        let to = Position::from_path_part(parts.next()?).ok()?;
        Some(Self { generation, from, to })
    }
}

impl fmt::Display for RealtimeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.path_part(), self.to.path_part());
        write!(f, "{:010}-{from}-{to}.parquet", self.generation.get())
    }
}

/// The name of a batch view's file within its service and period,
/// `<base:010>-<attempt:8 hex>.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchName {
    /// The number of the manifest that the build began from.
    pub base: u64,
    /// Which build from there: random.
    pub attempt: u32,
}

impl BatchName {
    /// Reads such a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::parse_stem(name.strip_suffix(".parquet")?)
    }

    pub(super) fn parse_stem(stem: &str) -> Option<Self> {
        let (base, attempt) = stem.split_once('-')?;
        Some(Self { base: parse_padded(base, 10)?, attempt: parse_attempt(attempt)? })
    }

    pub(super) fn stem(self) -> String {
        format!("{:010}-{:08x}", self.base, self.attempt)
    }
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.parquet", self.stem())
    }
}

/// Reads `<prefix><number, padded to width><suffix>`.
pub(super) fn parse_numbered(name: &str, prefix: &str, width: usize, suffix: &str) -> Option<u64> {
    parse_padded(name.strip_prefix(prefix)?.strip_suffix(suffix)?, width)
}

/// Reads `<prefix><value>`, as that value would be written.
pub(super) fn parse_labelled<T: FromStr + fmt::Display>(name: &str, prefix: &str) -> Option<T> {
    let text = name.strip_prefix(prefix)?;
    text.parse().ok().filter(|value: &T| value.to_string() == text)
}

fn parse_padded(text: &str, width: usize) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| format!("{number:0width$}") == text)
}

fn parse_attempt(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok().filter(|attempt| format!("{attempt:08x}") == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source() -> impl Strategy<Value = DatedName> {
        let log = ("[a-z0-9][a-z0-9._-]{0,40}", any::<u64>()).prop_map(|(id, seq)| DatedName::Log {
            id: MonitorId::new(&id.replace("import-", "import_")).unwrap(),
            seq,
        });
        let import = (any::<[u8; 32]>(), any::<u32>(), any::<u64>())
            .prop_map(|(hash, attempt, part)| DatedName::Import { import: ImportHash(hash), attempt, part });
        prop_oneof![log, import]
    }

    #[test]
    fn names_read_as_people_expect() {
        let id = MonitorId::new("web-1").unwrap();
        assert_eq!(DatedName::Log { id, seq: 7 }.to_string(), "web-1-0000000007.ndjson");
        let (from, to) = (Position::new(3, 0), Position::new(4, 512));
        let name = RealtimeName { generation: Generation::new(2), from, to };
        assert_eq!(name.to_string(), "0000000002-0000000003.000000000000-0000000004.000000000512.parquet");
        assert_eq!(BatchName { base: 12, attempt: 0xab }.to_string(), "0000000012-000000ab.parquet");
    }

    #[test]
    fn nothing_but_what_is_written_is_read() {
        for name in
            ["web-7.ndjson", "web-+000000007.ndjson", "web-0000000007.json", "-0000000007.ndjson", "0000000007.ndjson"]
        {
            assert_eq!(DatedName::parse(name), None, "{name}");
        }
        for name in ["1-00000000.parquet", "0000000001-0000000G.parquet", "0000000001-0000000A.parquet"] {
            assert_eq!(BatchName::parse(name), None, "{name}");
        }
        assert_eq!(parse_labelled::<schema::Date>("date=2026-1-1", "date="), None);
    }

    proptest! {
        #[test]
        fn a_dated_name_survives_its_text(name in source()) {
            prop_assert_eq!(DatedName::parse(&name.to_string()), Some(name));
        }

        #[test]
        fn a_view_name_survives_its_text(g: u64, a: u64, b: u64, c: u64, d: u64, attempt: u32) {
            let (from, to) = (Position::new(a, b), Position::new(c, d));
            let realtime = RealtimeName { generation: Generation::new(g), from, to };
            prop_assert_eq!(RealtimeName::parse(&realtime.to_string()), Some(realtime));
            let batch = BatchName { base: a, attempt };
            prop_assert_eq!(BatchName::parse(&batch.to_string()), Some(batch));
        }
    }
}
