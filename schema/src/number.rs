//! JSON numbers, read exactly: the grammar, and the value as a rounded integer of any decimal scale.
//!
//! No binary fraction is ever involved. Exponents of any size are read: `1e-400` is a valid 0, `1e400` out of range.

use crate::{Micros, Millionths, swar};

/// The end of the number token that starts at `at`, by JSON's grammar. What follows it is not looked at.
///
/// # Errors
/// Where the grammar breaks: at the end of `bytes`, more bytes might mend it.
#[inline]
pub(crate) fn end(bytes: &[u8], at: usize) -> Result<usize, usize> {
    match plain(bytes, at) {
        Some((_, end)) => Ok(end),
        None => end_of_any(bytes, at),
    }
}

/// [`end`] of numbers of any form.
fn end_of_any(bytes: &[u8], at: usize) -> Result<usize, usize> {
    let mut end = at + usize::from(bytes.get(at) == Some(&b'-'));
    end = match bytes.get(end) {
        Some(b'0') => end + 1,
        _ => digits(bytes, end)?,
    };
    if bytes.get(end) == Some(&b'.') {
        end = digits(bytes, end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        end = digits(bytes, end + 1 + usize::from(sign))?;
    }
    Ok(end)
}

/// Whether a number token has neither a fraction nor an exponent.
pub(crate) fn is_integer(token: &[u8]) -> bool {
    !token.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// The end of the digits that start at `at`; an error if there are none.
fn digits(bytes: &[u8], at: usize) -> Result<usize, usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    if length == 0 { Err(at.min(bytes.len())) } else { Ok(at + length) }
}

/// A number of at most seven digits before the point, six behind it and no exponent, in millionths, and its end; `None`
/// if what starts at `at` is none such.
#[inline]
pub(crate) fn plain(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (millionths, length) = swar::decimal(bytes, start)?;
    let end = start + length;
    // Digits and points that follow are not JSON, or make it another number.
    let ends = !matches!(bytes.get(end), Some(b'0'..=b'9' | b'.' | b'e' | b'E'));
    ends.then_some((if negative { -millionths } else { millionths }, end))
}

/// The number token at `start..end` in millionths, rounded half to even; `None` from a magnitude of 10^12 on.
#[inline]
pub(crate) fn millionths(bytes: &[u8], start: usize, end: usize) -> Option<Millionths> {
    match plain(bytes, start) {
        Some((millionths, _)) => Millionths::new(millionths),
        None => any_millionths(&bytes[start..end]),
    }
}

/// [`millionths`] of numbers of any form.
fn any_millionths(token: &[u8]) -> Option<Millionths> {
    let magnitude = i64::try_from(Scaled::of(token, 6)?.half_even()).ok()?;
    Millionths::new(if token[0] == b'-' { -magnitude } else { magnitude })
}

/// The number token at `start..end` as a time: seconds below 10^11, milliseconds below 10^14, microseconds below 10^17, else nanoseconds;
/// rounded down. `None` if it is negative or past 9999.
#[inline]
pub(crate) fn micros(bytes: &[u8], start: usize, end: usize) -> Option<Micros> {
    match swar::integer(bytes, start) {
        Some((whole, length)) if start + length == end => micros_of_whole(whole),
        Some((..100_000_000_000, _)) => match plain(bytes, start) {
            Some((micros, _)) => Micros::new(micros),
            None => any_micros(&bytes[start..end]),
        },
        _ => any_micros(&bytes[start..end]),
    }
}

/// [`micros`] of numbers of any form.
fn any_micros(token: &[u8]) -> Option<Micros> {
    if token[0] == b'-' && !is_zero(token) {
        return None;
    }
    let whole = Scaled::of(token, 0)?.whole;
    let micros = Scaled::of(token, decimals_of_unit(whole))?.whole;
    Micros::new(i64::try_from(micros).ok()?)
}

/// [`micros`] of a number without a fraction.
#[inline]
pub(crate) fn micros_of_whole(whole: u64) -> Option<Micros> {
    let micros = match decimals_of_unit(u128::from(whole)) {
        6 => whole * 1_000_000,
        3 => whole * 1_000,
        0 => whole,
        _ => whole / 1_000,
    };
    Micros::new(micros as i64)
}

/// How many decimals of a time's unit make microseconds.
#[inline]
fn decimals_of_unit(whole: u128) -> i64 {
    match whole {
        ..100_000_000_000 => 6,
        100_000_000_000..100_000_000_000_000 => 3,
        100_000_000_000_000..100_000_000_000_000_000 => 0,
        _ => -3,
    }
}

fn is_zero(token: &[u8]) -> bool {
    let mut significand = token.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    significand.all(|byte| matches!(byte, b'-' | b'.' | b'0'))
}

/// A number's magnitude times a power of ten, cut at the point: the whole part, and what is needed to round it.
struct Scaled {
    whole: u128,
    /// The first digit after the point.
    first: u8,
    /// Whether any digit after that is not 0.
    more: bool,
}

impl Scaled {
    /// |number| * 10^scale; `None` from 10^30 on, which is out of every range there is.
    fn of(token: &[u8], scale: i64) -> Option<Scaled> {
        const TOO_LARGE: u128 = 10_u128.pow(30);
        let token = token.strip_prefix(b"-").unwrap_or(token);
        let significand = token.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(token.len());
        let integer = token[..significand].iter().position(|byte| *byte == b'.').unwrap_or(significand);
        // How many of the significand's digits stand before the scaled point.
        let point = integer as i64 + exponent(&token[significand..]) + scale;

        let mut scaled = Scaled { whole: 0, first: 0, more: false };
        let mut place = 0;
        for digit in token[..significand].iter().filter(|byte| **byte != b'.').map(|byte| byte - b'0') {
            if place < point {
                scaled.whole = scaled.whole * 10 + u128::from(digit);
            } else if place == point {
                scaled.first = digit;
            } else {
                scaled.more |= digit != 0;
            }
            if scaled.whole >= TOO_LARGE {
                return None;
            }
            place += 1;
        }
        while scaled.whole > 0 && place < point {
            scaled.whole *= 10;
            if scaled.whole >= TOO_LARGE {
                return None;
            }
            place += 1;
        }
        Some(scaled)
    }

    fn half_even(&self) -> u128 {
        let up = self.first > 5 || (self.first == 5 && (self.more || self.whole % 2 == 1));
        self.whole + u128::from(up)
    }
}

/// The exponent of `e±digits`, 0 if there is none, kept within ±10^12: further than any token has digits.
fn exponent(text: &[u8]) -> i64 {
    let mut exponent = 0_i64;
    for digit in text.iter().filter(|byte| byte.is_ascii_digit()) {
        exponent = (exponent * 10 + i64::from(digit - b'0')).min(1_000_000_000_000);
    }
    if text.get(1) == Some(&b'-') { -exponent } else { exponent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Option<i64> {
        let end = end(text.as_bytes(), 0).ok().filter(|end| *end == text.len())?;
        millionths(text.as_bytes(), 0, end).map(Millionths::get)
    }

    fn time(text: &str) -> Option<i64> {
        let end = end(text.as_bytes(), 0).ok().filter(|end| *end == text.len())?;
        micros(text.as_bytes(), 0, end).map(Micros::get)
    }

    #[test]
    fn values_round_half_to_even_from_the_decimal_text() {
        for (text, millionths) in [
            ("0.43", 430_000),
            ("-0", 0),
            ("-12.5", -12_500_000),
            ("0.0000005", 0),
            ("0.0000015", 2),
            ("0.0000025", 2),
            ("0.00000250000000000000000000000000000000000000000001", 3),
            ("-0.0000015", -2),
            ("-0.0000005", 0),
            ("4.3e-1", 430_000),
            ("0.00000043E+6", 430_000),
            ("1e-400", 0),
            ("0e999999999999999999999999", 0),
            ("999999999999.9999994", 999_999_999_999_999_999),
            ("0.000000000000000000001e30", 1_000_000_000_000_000),
        ] {
            assert_eq!(value(text), Some(millionths), "{text}");
        }
        for text in ["1e12", "-1e12", "1000000000000", "999999999999.9999995", "1e400", "1e99999999999999999999"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn what_json_does_not_call_a_number_is_none() {
        for text in ["", "-", "01", "-01", "+1", ".5", "1.", "1.e3", "1e", "1e+", "--1", "0x1", "1_0", "1.5.5", "NaN"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn the_unit_of_a_time_follows_from_its_magnitude() {
        const MICROS: i64 = 1_763_715_600_123_456;
        for text in [
            "1763715600.123456",
            "1763715600.12345699999",
            "1763715600123.456",
            "1763715600123456",
            "1763715600123456.9",
            "1763715600123456789",
            "1.763715600123456789e18",
            "1763715600123456789e-9",
        ] {
            assert_eq!(time(text), Some(MICROS), "{text}");
        }
        assert_eq!(time("99999999999"), Some(99_999_999_999_000_000));
        assert_eq!(time("99999999999.9999999"), Some(99_999_999_999_999_999));
        assert_eq!(time("100000000000"), Some(100_000_000_000_000));
        assert_eq!(time("100000000000000"), Some(100_000_000_000_000));
        assert_eq!(time("100000000000000000"), Some(100_000_000_000_000));
        assert_eq!(time("253402300799999999999"), Some(Micros::MAX.get()));
    }

    #[test]
    fn negative_times_and_times_past_9999_are_none() {
        for text in ["-1", "-0.0000000001", "-1e-30", "253402300800000000000", "1e30", "1e400"] {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!((time("0"), time("-0"), time("-0.0e7")), (Some(0), Some(0), Some(0)));
    }

    proptest! {
        /// The model: digits as one integer, scaled and rounded in `i128`.
        #[test]
        fn a_value_is_the_decimal_rounded_once(
            negative: bool, whole in 0u64..20_000_000_000_000, fraction in "[0-9]{0,9}", exponent in -9i32..=3,
        ) {
            let point = if fraction.is_empty() { "" } else { "." };
            let sign = if negative { "-" } else { "" };
            let text = format!("{sign}{whole}{point}{fraction}e{exponent}");
            let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
            let shift = 6 + exponent - fraction.len() as i32;
            let exact = if shift >= 0 {
                digits * 10_i128.pow(shift as u32)
            } else {
                crate::mean(digits, 10_u64.pow(shift.unsigned_abs()))
            };
            let expected = (exact < i128::from(Millionths::LIMIT)).then_some(if negative { -exact } else { exact });
            prop_assert_eq!(value(&text).map(i128::from), expected);
        }
    }
}
