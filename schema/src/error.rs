//! What can go wrong when text or bytes are turned into this crate's types.
//!
//! A rejected message is not an error but data: see [`crate::Reject`].

/// Why a text or a byte sequence is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name, number or date outside what its type allows.
    #[error("{what} {value:?} is not {allowed}")]
    Invalid {
        /// The type, in words a user knows.
        what: &'static str,
        /// The text that was given.
        value: String,
        /// What would have been allowed.
        allowed: &'static str,
    },
    /// A row of the realtime queue that this crate did not write.
    #[error("queue row at byte {at}: {problem}")]
    QueueRow {
        /// Offset of the row's first byte in the bytes that were read.
        at: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A protocol line that is not a frame of this version.
    #[error("protocol frame: {problem}")]
    Frame {
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    pub(crate) fn invalid(what: &'static str, value: &str, allowed: &'static str) -> Self {
        let value = value.chars().take(200).collect();
        Error::Invalid { what, value, allowed }
    }
}

/// Serde for a type whose JSON form is the string of its `Display`, read back through its `FromStr`.
macro_rules! serde_as_text {
    ($($name:ty),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_as_text;
