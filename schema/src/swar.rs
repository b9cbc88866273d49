//! Eight and sixteen bytes at a time, in plain integers (SWAR: SIMD within a register).
//!
//! Loads past the end of the bytes see zeros, which are neither digits nor text nor punctuation, so that no caller
//! needs a second path for the end of a chunk. In masks a byte's high bit stands for the byte.

use crate::scan;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Exclusive or with it makes digits their values.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight bytes at `at`, the first lowest.
#[inline(always)]
pub(crate) fn load8(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => load_tail(bytes, at) as u64,
    }
}

/// The sixteen bytes at `at`, the first lowest.
#[inline(always)]
pub(crate) fn load16(bytes: &[u8], at: usize) -> u128 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => load_tail(bytes, at),
    }
}

#[cold]
fn load_tail(bytes: &[u8], at: usize) -> u128 {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut padded = [0; 16];
    padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    u128::from_le_bytes(padded)
}

/// Sixteen bytes with ASCII's capitals made small.
#[inline]
pub(crate) fn lower(bytes: u128) -> u128 {
    const ONES: u128 = u128::from_ne_bytes([1; 16]);
    const HIGHS: u128 = ONES << 7;
    // Without their high bits no addition carries into the next byte.
    let low = bytes & !HIGHS;
    let (from_a, past_z) = (low + ONES * (0x80 - b'A' as u128), low + ONES * (0x7f - b'Z' as u128));
    bytes | ((from_a & !past_z & !bytes & HIGHS) >> 2)
}

/// The first sixteen of these bytes, zeros behind them.
#[inline]
pub(crate) fn padded(bytes: &[u8], start: usize, length: usize) -> u128 {
    match length {
        0 => 0,
        1..16 => load16(bytes, start) & (u128::MAX >> (8 * (16 - length))),
        _ => load16(bytes, start),
    }
}

/// Where the run of plain text that starts at `at` ends: at the first byte that is a quote, a backslash, a control
/// character, DEL or not ASCII, or at the end of the bytes.
#[inline(always)]
pub(crate) fn plain_text_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    loop {
        let marks = scan::not_plain(load16(bytes, at));
        if marks != 0 {
            return (at + marks.trailing_zeros() as usize).min(bytes.len());
        }
        at += 16;
    }
}

/// The number of digits, 1 to 20, that start at `at`, and their value; `None` if there are none, too many, or a zero
/// leads others. What follows them is not looked at.
#[inline(always)]
pub(crate) fn integer(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let word = load8(bytes, at) ^ ZEROS;
    let first = leading_digits(word);
    if first == 0 || (first > 1 && word & 0xff == 0) {
        return None;
    }
    let mut sum = value(word, first);
    if first < 8 {
        return Some((sum, first));
    }
    let mut length = 8;
    for _ in 0..2 {
        let word = load8(bytes, at + length) ^ ZEROS;
        let digits = leading_digits(word);
        sum = sum.checked_mul(POWERS[digits])?;
        if digits > 0 {
            sum = sum.checked_add(value(word, digits))?;
        }
        length += digits;
        if digits < 8 {
            return Some((sum, length));
        }
    }
    None
}

/// A number of at most seven digits before the point and six behind it, such as `0.43` or `512`, in millionths, and
/// its length; `None` for others. What follows it is not looked at.
#[inline(always)]
pub(crate) fn decimal(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let words = load16(bytes, at);
    let others = scan::not_digits(words);
    let word = words as u64 ^ ZEROS;
    let leading_zero = (word & 0xff == 0) & (others & 2 == 0);
    if (others & 0xff == 0) | (others & 1 != 0) | leading_zero {
        return None;
    }
    let whole = others.trailing_zeros() as usize;
    if (word >> (8 * whole)) as u8 != b'.' ^ 0x30 {
        return Some((value(word, whole) as i64 * 1_000_000, whole));
    }
    let length = (others & (others - 1)).trailing_zeros() as usize;
    let places = length - whole - 1;
    if (places == 0) | (places > 6) {
        return None;
    }
    let millionths = if length <= 8 {
        // Close the gap that the point leaves between the digits before and after it.
        let before = (1_u64 << (8 * whole)) - 1;
        let digits = (word & before) | ((word >> 8) & !before);
        value(digits, length - 1) * POWERS[(6 - places) & 7]
    } else {
        let fraction = (words >> (8 * (whole + 1))) as u64 ^ ZEROS;
        value(word, whole) * 1_000_000 + value(fraction, places) * POWERS[(6 - places) & 7]
    };
    Some((millionths as i64, length))
}

/// The value of six digits followed by anything else; `None` if they are more or fewer.
#[inline]
pub(crate) fn six_digits(bytes: &[u8], at: usize) -> Option<u64> {
    let word = load8(bytes, at) ^ ZEROS;
    (leading_digits(word) == 6).then(|| value(word, 6))
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The value of the first `count` (1 to 8) bytes, each a digit's value, the first the most significant.
#[inline]
fn value(digits: u64, count: usize) -> u64 {
    // Leading zeros make it eight; then pairs, fours and eights are put together in parallel.
    let digits = digits << (64 - 8 * count);
    let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// How many bytes, from the first, are a digit's value.
#[inline]
fn leading_digits(word: u64) -> usize {
    let others = not_digits(word);
    if others == 0 { 8 } else { lowest(others) }
}

#[inline]
fn not_digits(word: u64) -> u64 {
    (((word & !HIGHS) + ONES * (0x80 - 10)) | word) & HIGHS
}

/// The index of the lowest byte in a mask that is not 0.
#[inline]
fn lowest(mask: u64) -> usize {
    mask.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number;
    use proptest::prelude::*;

    #[test]
    fn loads_past_the_end_see_zeros() {
        assert_eq!(load8(b"ab", 1), u64::from(b'b'));
        assert_eq!(load16(b"ab", 7), 0);
        assert_eq!(plain_text_end(b"plain", 2), 5);
    }

    proptest! {
        #[test]
        fn capitals_are_made_small_as_the_standard_library_does(bytes: [u8; 16], length in 0usize..=16) {
            let lower = super::lower(padded(&bytes, 0, length)).to_le_bytes();
            prop_assert_eq!(&lower[..length], bytes[..length].to_ascii_lowercase());
            prop_assert!(lower[length..].iter().all(|byte| *byte == 0));
        }

        #[test]
        fn plain_text_ends_where_a_plain_loop_finds_it(
            bytes in prop::collection::vec(prop_oneof![8 => 0x20u8..0x7f, 1 => any::<u8>()], 0..40), at in 0usize..8,
        ) {
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f..);
            let end = bytes.iter().skip(at).position(special).map_or(bytes.len(), |offset| at + offset);
            prop_assert_eq!(plain_text_end(&bytes, at), end);
        }

        #[test]
        fn an_integer_is_read_as_the_standard_library_reads_it(text in "(0|[1-9][0-9]{0,21}|0[0-9]{1,3})[,.}]?") {
            let digits = text.trim_end_matches([',', '.', '}']);
            let canonical = digits == "0" || !digits.starts_with('0');
            let expected = digits.parse::<u64>().ok().filter(|_| canonical).map(|value| (value, digits.len()));
            prop_assert_eq!(integer(text.as_bytes(), 0), expected);
        }

        #[test]
        fn a_decimal_is_read_as_any_number_is(text in "-?[0-9]{0,9}(\\.[0-9]{0,8})?[,}e. ]?[0-9]?") {
            if let Some((millionths, length)) = decimal(text.as_bytes(), 0) {
                let token = &text[..length];
                let model: f64 = token.parse().unwrap();
                prop_assert_eq!(number::end(token.as_bytes(), 0), Ok(length));
                prop_assert_eq!(millionths, (model * 1e6).round() as i64);
            }
        }
    }

    #[test]
    fn numbers_of_the_stated_form_are_decimals_and_others_are_not() {
        for (text, expected) in [
            ("0.43}", (430_000, 4)),
            ("7 ", (7_000_000, 1)),
            ("9999999,", (9_999_999_000_000, 7)),
            ("194.0266}", (194_026_600, 8)),
            ("1234567.1,", (1_234_567_100_000, 9)),
            ("1234567.123456", (1_234_567_123_456, 14)),
            ("0.000001]", (1, 8)),
        ] {
            assert_eq!(decimal(text.as_bytes(), 0), Some(expected), "{text}");
        }
        for text in ["", "-1", ".5", "1.", "1.x", "01", "00.5", "12345678", "12345678.1", "0.1234567", "x"] {
            assert_eq!(decimal(text.as_bytes(), 0), None, "{text}");
        }
    }
}
