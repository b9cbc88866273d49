//! The key-value metadata of a view: its row groups and the caller's notes,
//! under one checksum.

use parquet::file::metadata::KeyValue;
use schema::Minute;

use super::whole::UNKNOWN;

const PREFIX: &str = "hourglass.";
const GROUPS: &str = "groups";
const CHECKSUM: &str = "crc32c";
/// The key of the whole file's checksum (`whole`), which stands last.
pub(super) const FILE: &str = "hourglass.file";

/// What the footer says of one row group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) first: Minute,
    pub(super) last: Minute,
    pub(super) rows: u64,
    /// Length of its canonical rows.
    pub(super) bytes: u64,
    /// CRC-32C of its canonical rows.
    pub(super) crc32c: u32,
}

/// Row groups and notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) groups: Vec<Group>,
    pub(super) notes: Vec<(String, String)>,
}

impl Footer {
    /// CRC-32C of all canonical rows.
    pub(super) fn crc32c(&self) -> u32 {
        self.groups.iter().fold(0, |crc, group| crc32c::crc32c_combine(crc, group.crc32c, group.bytes as usize))
    }

    pub(super) fn encode(&self) -> Vec<KeyValue> {
        let groups: Vec<String> = self.groups.iter().map(Group::encode).collect();
        let groups = (GROUPS.to_owned(), groups.join(" "));
        let mut entries: Vec<KeyValue> = std::iter::once(&groups)
            .chain(&self.notes)
            .map(|(key, value)| KeyValue::new(format!("{PREFIX}{key}"), value.clone()))
            .collect();
        let checksum = format!("{:08x}", checksum(&entries));
        entries.push(KeyValue::new(format!("{PREFIX}{CHECKSUM}"), checksum));
        entries.push(KeyValue::new(FILE.to_owned(), UNKNOWN.to_owned()));
        entries
    }

    /// Reads what `encode` wrote; entries of other tools are ignored.
    pub(super) fn decode(entries: &[KeyValue]) -> Result<Footer, String> {
        let ours = |entry: &&KeyValue| entry.key.starts_with(PREFIX) && entry.key != FILE;
        let ours: Vec<&KeyValue> = entries.iter().filter(ours).collect();
        let Some((sealed, covered)) = ours.split_last() else {
            return Err("it has no hourglass metadata".into());
        };
        let found = format!("{:08x}", checksum(covered.iter().copied()));
        if sealed.key != format!("{PREFIX}{CHECKSUM}") || sealed.value.as_deref() != Some(&found) {
            return Err("the checksum of its metadata does not fit".into());
        }
        let mut footer = Footer::default();
        for entry in covered {
            let (key, value) = (&entry.key[PREFIX.len()..], entry.value.as_deref().unwrap_or_default());
            if key == GROUPS {
                let groups: Option<Vec<Group>> = value.split_terminator(' ').map(Group::decode).collect();
                footer.groups = groups.ok_or("its list of row groups cannot be read")?;
            } else {
                footer.notes.push((key.to_owned(), value.to_owned()));
            }
        }
        Ok(footer)
    }
}

impl Group {
    fn encode(&self) -> String {
        let Group { first, last, rows, bytes, crc32c } = self;
        format!("{},{},{rows},{bytes},{crc32c:08x}", first.get(), last.get())
    }

    fn decode(text: &str) -> Option<Group> {
        let mut parts = text.split(',');
        let group = Group {
            first: Minute::new(parts.next()?.parse().ok()?)?,
            last: Minute::new(parts.next()?.parse().ok()?)?,
            rows: parts.next()?.parse().ok()?,
            bytes: parts.next()?.parse().ok()?,
            crc32c: u32::from_str_radix(parts.next()?, 16).ok()?,
        };
        parts.next().is_none().then_some(group)
    }
}

fn checksum<'a>(entries: impl IntoIterator<Item = &'a KeyValue>) -> u32 {
    entries.into_iter().fold(0, |crc, entry| {
        let value = entry.value.as_deref().unwrap_or_default();
        crc32c::crc32c_append(crc, format!("{}={value}\n", entry.key).as_bytes())
    })
}
