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
