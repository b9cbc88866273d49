//! Which of sixteen bytes are of a kind: a bit a byte, the first byte's lowest.
//!
//! By SIMD, whose units stand idle while the integer ones are busy with values.

use wide::{i8x16, u8x16};

/// Marks all but the digits `0` to `9`.
#[inline(always)]
pub(crate) fn not_digits(bytes: u128) -> u32 {
    // Digits become the ten greatest of the signed bytes.
    let shifted = signed(bytes) + i8x16::splat(i8::MAX - b'9' as i8);
    shifted.simd_lt(i8x16::splat(i8::MAX - 9)).to_bitmask()
}

/// Marks quotes, backslashes, control characters, DEL and what is not ASCII: where plain text may end.
#[inline(always)]
pub(crate) fn not_plain(bytes: u128) -> u32 {
    let bytes = signed(bytes);
    let equal = |byte: u8| bytes.simd_eq(i8x16::splat(byte as i8));
    // As signed bytes what is not ASCII is less than control characters are.
    let low = bytes.simd_lt(i8x16::splat(b' ' as i8));
    (low | equal(0x7f) | equal(b'"') | equal(b'\\')).to_bitmask()
}

#[inline(always)]
fn signed(bytes: u128) -> i8x16 {
    u8x16::new(bytes.to_le_bytes()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(bytes: [u8; 16], kind: impl Fn(u8) -> bool) -> u32 {
        bytes.iter().rev().fold(0, |marks, byte| marks << 1 | u32::from(kind(*byte)))
    }

    fn check(bytes: [u8; 16]) {
        let packed = u128::from_le_bytes(bytes);
        let plain_end = |byte| matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f..);
        assert_eq!(not_digits(packed), marked(bytes, |byte| !byte.is_ascii_digit()), "{bytes:?}");
        assert_eq!(not_plain(packed), marked(bytes, plain_end), "{bytes:?}");
    }

    #[test]
    fn every_byte_is_told_in_every_place() {
        for (byte, place) in (0..=255).flat_map(|byte| (0..16).map(move |place| (byte, place))) {
            for others in [b'0', b'a', 0, 0xff] {
                let mut bytes = [others; 16];
                bytes[place] = byte;
                check(bytes);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_told(bytes: [u8; 16]) {
            check(bytes);
        }
    }
}
