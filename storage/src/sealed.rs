//! Sealed documents: the form of every small file that is not derived.
//!
//! One line of JSON, `{"crc32c":"0a1b2c3d","body":<json>}` and `\n`. The
//! checksum is CRC-32C (Castagnoli), eight lowercase hex digits, over exactly
//! the bytes of the body as written; so a document stays readable to people,
//! and a flipped bit is seen.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Why a sealed document was refused.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Not the outer form: not JSON, a key missing or unknown, bytes after it.
    #[error("not a sealed document: {0}")]
    Form(#[source] serde_json::Error),
    /// The body is not the one that was sealed.
    #[error("checksum is {found}, the document says {sealed}")]
    Checksum {
        /// What the document says.
        sealed: String,
        /// What its body has.
        found: String,
    },
    /// The body is intact but not what was expected.
    #[error("unexpected body: {0}")]
    Body(#[source] serde_json::Error),
}

/// Seals `body`. The bytes depend on the body alone.
///
/// # Errors
/// [`SealError::Body`] when `body` is not representable in JSON (a map with keys
/// that are not strings); a plain struct always is.
pub fn seal<T: Serialize>(body: &T) -> Result<Vec<u8>, SealError> {
    let body = serde_json::value::to_raw_value(body).map_err(SealError::Body)?;
    let crc32c = checksum(&body);
    let mut line = serde_json::to_vec(&Sealed { crc32c, body }).map_err(SealError::Body)?;
    line.push(b'\n');
    Ok(line)
}

/// Opens a sealed document.
///
/// # Errors
/// [`SealError`], by what is wrong with it.
pub fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, SealError> {
    let sealed: Sealed = serde_json::from_slice(bytes).map_err(SealError::Form)?;
    let found = checksum(&sealed.body);
    if found != sealed.crc32c {
        return Err(SealError::Checksum { sealed: sealed.crc32c, found });
    }
    serde_json::from_str(sealed.body.get()).map_err(SealError::Body)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    crc32c: String,
    body: Box<RawValue>,
}

fn checksum(body: &RawValue) -> String {
    format!("{:08x}", crc32c::crc32c(body.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Body {
        id: String,
        k: u64,
    }

    #[test]
    fn a_sealed_document_is_one_readable_line() {
        let line = seal(&Body { id: "web-1".to_owned(), k: 3 }).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, "{\"crc32c\":\"6d947864\",\"body\":{\"id\":\"web-1\",\"k\":3}}\n");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |text: &str| open::<Body>(text.as_bytes()).unwrap_err();
        assert!(matches!(refused("{\"crc32c\":\"00000000\""), SealError::Form(_)));
        assert!(matches!(refused("{\"crc32c\":\"00000000\",\"body\":1,\"more\":2}"), SealError::Form(_)));
        assert!(matches!(refused("{\"crc32c\":\"00000000\",\"body\":1}"), SealError::Checksum { .. }));
        let other = String::from_utf8(seal(&1).unwrap()).unwrap();
        assert!(matches!(refused(&other), SealError::Body(_)));
    }

    proptest! {
        #[test]
        fn a_body_survives_and_a_changed_byte_is_seen(id: String, k: u64, at: prop::sample::Index, flip in 1..=255_u8) {
            let body = Body { id, k };
            let mut line = seal(&body).unwrap();
            prop_assert_eq!(&open::<Body>(&line).unwrap(), &body);
            let at = at.index(line.len() - 1);
            line[at] ^= flip;
            prop_assert!(open::<Body>(&line).is_err(), "{}", String::from_utf8_lossy(&line));
        }
    }
}
