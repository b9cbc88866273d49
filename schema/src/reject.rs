//! Why a line is not a message. A rejected line is data: counted by reason, shown to people, reported to clients.
//!
//! Codes and names are on disk (journal, quarantine) and on the wire (acks): they are never reused.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A reason. Its code (a `u8`, from 1) stands in the journal, its name in quarantine and in protocol frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reject {
    /// Not a JSON object, unfinished at the line's end, or nested deeper than 64.
    InvalidJson = 1,
    /// A string that is not UTF-8, or escapes half of a surrogate pair.
    InvalidUtf8 = 2,
    /// A field of another JSON type than it must have, such as a number in a string.
    WrongType = 3,
    /// No service, no timestamp, a configured metric missing, or `Total` or `Free` missing in one.
    MissingField = 4,
    /// A value of 10^12 or beyond, NaN, or infinity.
    NumberOutOfRange = 5,
    /// `Total` not above 0, or `Free` outside 0 to `Total`.
    CapacityOutOfRange = 6,
    /// A name that is empty, over 128 bytes, or with control characters.
    InvalidService = 7,
    /// A time that is negative, past 9999, or a text that is not RFC 3339.
    InvalidTimestamp = 8,
    /// Further ahead of the monitor's clock than `accept.future`. Judged by the caller.
    FutureTimestamp = 9,
    /// Over 64 KiB without an end.
    LineTooLong = 10,
    /// A new service beyond `accept.services`. Judged by the caller.
    TooManyServices = 11,
    /// Nothing where a message was due. Judged by the caller, where blank lines are not simply passed over.
    EmptyLine = 12,
    /// A handshake of an unknown version or without a valid client id. Judged by the caller.
    InvalidHello = 13,
    /// A service that the sender's token or certificate does not name. Judged by the caller.
    ForbiddenService = 14,
}

impl Reject {
    /// Every reason, in the order of the codes, which run from 1 without a gap.
    pub const ALL: [Reject; 14] = [
        Reject::InvalidJson,
        Reject::InvalidUtf8,
        Reject::WrongType,
        Reject::MissingField,
        Reject::NumberOutOfRange,
        Reject::CapacityOutOfRange,
        Reject::InvalidService,
        Reject::InvalidTimestamp,
        Reject::FutureTimestamp,
        Reject::LineTooLong,
        Reject::TooManyServices,
        Reject::EmptyLine,
        Reject::InvalidHello,
        Reject::ForbiddenService,
    ];

    /// The code that the journal holds, 1 to 14.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The reason of a code; `None` for a code that has none.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// The name, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reject::InvalidJson => "invalid_json",
            Reject::InvalidUtf8 => "invalid_utf8",
            Reject::WrongType => "wrong_type",
            Reject::MissingField => "missing_field",
            Reject::NumberOutOfRange => "number_out_of_range",
            Reject::CapacityOutOfRange => "capacity_out_of_range",
            Reject::InvalidService => "invalid_service",
            Reject::InvalidTimestamp => "invalid_timestamp",
            Reject::FutureTimestamp => "future_timestamp",
            Reject::LineTooLong => "line_too_long",
            Reject::TooManyServices => "too_many_services",
            Reject::EmptyLine => "empty_line",
            Reject::InvalidHello => "invalid_hello",
            Reject::ForbiddenService => "forbidden_service",
        }
    }

    /// The reason of a name; `None` for a name that is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Reject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Reject::from_name(&name).ok_or_else(|| D::Error::custom(format!("unknown reject reason {name:?}")))
    }
}

/// How many were rejected, by reason. In JSON an object of the reasons that occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rejects([u64; Reject::ALL.len()]);

impl Rejects {
    /// None rejected.
    pub const NONE: Rejects = Rejects([0; Reject::ALL.len()]);

    /// Counts one more.
    pub fn add(&mut self, reason: Reject) {
        self.add_many(reason, 1);
    }

    /// Counts `count` more.
    pub fn add_many(&mut self, reason: Reject, count: u64) {
        let sum = &mut self.0[usize::from(reason.code()) - 1];
        *sum = sum.saturating_add(count);
    }

    /// Adds all of another's counts.
    pub fn merge(&mut self, other: &Rejects) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count = count.saturating_add(more));
    }

    /// The count of one reason.
    pub fn get(&self, reason: Reject) -> u64 {
        self.0[usize::from(reason.code()) - 1]
    }

    /// The count of all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Reasons that occurred, with their counts, in the order of the codes.
    pub fn iter(&self) -> impl Iterator<Item = (Reject, u64)> + '_ {
        Reject::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl FromIterator<(Reject, u64)> for Rejects {
    fn from_iter<I: IntoIterator<Item = (Reject, u64)>>(counts: I) -> Self {
        let mut rejects = Rejects::NONE;
        counts.into_iter().for_each(|(reason, count)| rejects.add_many(reason, count));
        rejects
    }
}

impl Serialize for Rejects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Rejects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = std::collections::BTreeMap::<Reject, u64>::deserialize(deserializer)?;
        Ok(counts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back_to_their_reason() {
        for (i, reason) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(reason.code()), i + 1);
            assert_eq!(Reject::from_code(reason.code()), Some(reason));
            assert_eq!(Reject::from_name(reason.as_str()), Some(reason));
        }
        assert_eq!((Reject::from_code(0), Reject::from_code(15)), (None, None));
    }

    #[test]
    fn counts_add_up_and_survive_json() {
        let mut rejects = Rejects::NONE;
        rejects.add(Reject::WrongType);
        rejects.merge(&[(Reject::WrongType, 2), (Reject::InvalidHello, 4)].into_iter().collect());
        assert_eq!((rejects.get(Reject::WrongType), rejects.total()), (3, 7));
        let json = serde_json::to_string(&rejects).unwrap();
        assert_eq!(json, r#"{"wrong_type":3,"invalid_hello":4}"#);
        assert_eq!(serde_json::from_str::<Rejects>(&json).unwrap(), rejects);
    }
}
