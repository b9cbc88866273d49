//! The checksum of a whole view file, kept in the file itself, so that damage
//! shows that no row tells of: page headers, Doubles, the footer's offsets.
//!
//! It is the last key-value entry, `hourglass.file`: CRC-32C, 8 hex digits, of
//! the file's bytes with these digits as zeros. Readers of rows pass it over,
//! they check the rows they read; `verify` checks it.

use memchr::memmem;

use super::footer::FILE;

/// The digits before they are known.
pub(super) const UNKNOWN: &str = "00000000";
/// What stands between key and digits: the Thrift header of a string of eight bytes.
const BETWEEN: &[u8] = &[0x18, 8];

/// Puts the checksum into a file whose entry is `UNKNOWN`.
pub(super) fn seal(file: &mut [u8]) {
    if let Some(at) = digits(file) {
        let digits = format!("{:08x}", crc32c::crc32c(file));
        file[at..at + UNKNOWN.len()].copy_from_slice(digits.as_bytes());
    }
}

/// What is wrong with a view file, if any byte of it is not the one that was written.
pub(crate) fn differs(file: &[u8]) -> Option<String> {
    let Some(at) = digits(file) else { return Some("it has no checksum of the whole file".to_owned()) };
    let (before, rest) = file.split_at(at);
    let (digits, after) = rest.split_at(UNKNOWN.len());
    let crc =
        [UNKNOWN.as_bytes(), after].iter().fold(crc32c::crc32c(before), |crc, part| crc32c::crc32c_append(crc, part));
    let found = format!("{crc:08x}");
    (found.as_bytes() != digits)
        .then(|| format!("its CRC-32C is {found}, its footer says {}", String::from_utf8_lossy(digits)))
}

/// Where the digits stand.
fn digits(file: &[u8]) -> Option<usize> {
    let key = memmem::rfind(file, FILE.as_bytes())?;
    let at = key + FILE.len() + BETWEEN.len();
    let whole = at + UNKNOWN.len() <= file.len() && file[key + FILE.len()..at] == *BETWEEN;
    whole.then_some(at)
}
