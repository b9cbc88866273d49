//! Exact values: millionths in an `i64`, sums of them in an `i128`, and the ways out of them: text, means, doubles.
//!
//! Integers add the same in any order and grouping, which is what lets batch, realtime and a brute-force pass be
//! compared bit for bit.

use std::fmt;
use std::str::FromStr;

use crate::{Error, digits, number};

const ONE: i128 = 1_000_000;

/// A metric's value in millionths; its magnitude is below 10^12 units, that is 10^18 millionths.
///
/// As text: six decimals, `0.430000`. Read from any decimal text, exponents included, rounded half to even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millionths(i64);

impl Millionths {
    /// The least value, -999999999999.999999.
    pub const MIN: Millionths = Millionths(-Self::LIMIT + 1);
    /// The greatest value, 999999999999.999999.
    pub const MAX: Millionths = Millionths(Self::LIMIT - 1);
    /// The first magnitude too large, in millionths.
    pub(crate) const LIMIT: i64 = 1_000_000_000_000_000_000;

    /// `None` from 10^18 millionths on, and from -10^18 on.
    #[inline]
    pub const fn new(millionths: i64) -> Option<Self> {
        if -Self::LIMIT < millionths && millionths < Self::LIMIT { Some(Millionths(millionths)) } else { None }
    }

    /// The count of millionths.
    #[inline]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// `numerator / denominator` in millionths, rounded half to even, for 0 <= numerator <= denominator, 0 < denominator.
    #[inline]
    pub(crate) fn ratio(numerator: Millionths, denominator: Millionths) -> Millionths {
        debug_assert!(0 <= numerator.0 && numerator <= denominator && 0 < denominator.0);
        let (n, d) = (numerator.0 as u64, denominator.0 as u64);
        let (quotient, remainder) = match n.checked_mul(1_000_000) {
            Some(scaled) => (scaled / d, scaled % d),
            None => divide_scaled(n, d),
        };
        // Every second time or so: no branch could foresee it.
        let up = (2 * remainder > d) | ((2 * remainder == d) & (quotient & 1 == 1));
        Millionths((quotient + u64::from(up)) as i64)
    }
}

/// Quotient and remainder of `n` millionths by `d`, where `n <= d`, that `n` is too large to scale in 64 bits.
#[cold]
fn divide_scaled(n: u64, d: u64) -> (u64, u64) {
    let (scaled, d) = (u128::from(n) * ONE as u128, u128::from(d));
    ((scaled / d) as u64, (scaled % d) as u64)
}

impl fmt::Display for Millionths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Fixed(i128::from(self.0)).fmt(f)
    }
}

impl FromStr for Millionths {
    type Err = Error;

    /// Reads a JSON number.
    fn from_str(text: &str) -> Result<Self, Error> {
        let end = number::end(text.as_bytes(), 0).ok().filter(|end| *end == text.len());
        end.and_then(|end| number::millionths(text.as_bytes(), 0, end))
            .ok_or_else(|| Error::invalid("value", text, "a decimal number between -10^12 and 10^12"))
    }
}

/// The mean of `n` values whose sum is `sum` millionths, in millionths, rounded half to even; 0 if there are none.
pub fn mean(sum: i128, n: u64) -> i128 {
    if n == 0 {
        return 0;
    }
    let n = i128::from(n);
    let (quotient, remainder) = (sum.div_euclid(n), sum.rem_euclid(n));
    let up = 2 * remainder > n || (2 * remainder == n && quotient % 2 != 0);
    quotient + i128::from(up)
}

/// A count of millionths that displays as the exact decimal with six places: `-0.000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed(pub i128);

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (units, millionths) = (magnitude / ONE as u128, magnitude % ONE as u128);
        f.pad_integral(self.0 >= 0, "", &format!("{units}.{millionths:06}"))
    }
}

/// Appends a count of millionths as [`Fixed`] shows it.
pub fn write_fixed(out: &mut Vec<u8>, millionths: i128) {
    let Ok(magnitude) = u64::try_from(millionths.unsigned_abs()) else {
        out.extend_from_slice(Fixed(millionths).to_string().as_bytes());
        return;
    };
    // A sign, twenty digits, a point and six digits.
    let mut text = [b'.'; 28];
    digits::six(&mut text, 22, (magnitude % ONE as u64) as u32);
    let mut start = digits::whole(&mut text, 21, magnitude / ONE as u64);
    if millionths < 0 {
        start -= 1;
        text[start] = b'-';
    }
    out.extend_from_slice(&text[start..]);
}

/// Appends a whole number.
pub fn write_whole(out: &mut Vec<u8>, number: u64) {
    let mut text = [0; 20];
    let start = digits::whole(&mut text, 20, number);
    out.extend_from_slice(&text[start..]);
}

/// The double nearest to so many millionths, ties to even.
pub fn nearest_f64(millionths: i128) -> f64 {
    // Up to 2^53 both operands are exact, and IEEE 754 division rounds the exact quotient once. Beyond it the
    // standard library's decimal reader, which rounds correctly, does it.
    if millionths.unsigned_abs() <= 1 << 53 {
        return millionths as f64 / 1e6;
    }
    let text = Fixed(millionths).to_string();
    #[expect(clippy::unwrap_used, reason = "Fixed always writes digits, a point and digits")]
    text.parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_print_with_six_decimals() {
        for (millionths, text) in [
            (0, "0.000000"),
            (430_000, "0.430000"),
            (-1, "-0.000001"),
            (-16_000_000, "-16.000000"),
            (i128::from(Millionths::MAX.get()), "999999999999.999999"),
            (i128::MIN, "-170141183460469231731687303715884.105728"),
        ] {
            let mut out = Vec::new();
            write_fixed(&mut out, millionths);
            assert_eq!(std::str::from_utf8(&out), Ok(text));
            assert_eq!(Fixed(millionths).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_value_is_written_as_it_displays(millionths in prop_oneof![any::<i64>().prop_map(i128::from), any::<i128>()]) {
            let mut out = Vec::new();
            write_fixed(&mut out, millionths);
            prop_assert_eq!(String::from_utf8(out).unwrap(), Fixed(millionths).to_string());
        }
    }

    #[test]
    fn a_mean_rounds_half_to_even() {
        assert_eq!(mean(1, 2), 0);
        assert_eq!(mean(3, 2), 2);
        assert_eq!(mean(5, 2), 2);
        assert_eq!(mean(-1, 2), 0);
        assert_eq!(mean(-3, 2), -2);
        assert_eq!(mean(2, 3), 1);
        assert_eq!(mean(-2, 3), -1);
        assert_eq!(mean(0, 0), 0);
    }

    #[test]
    fn a_ratio_rounds_half_to_even() {
        let ratio = |n, d| Millionths::ratio(Millionths(n), Millionths(d)).get();
        assert_eq!((ratio(1, 128), ratio(3, 128)), (7812, 23_438));
        assert_eq!((ratio(1, 3), ratio(2, 3)), (333_333, 666_667));
    }

    #[test]
    fn the_nearest_double_is_the_one_a_reader_of_the_decimal_gets() {
        assert_eq!(nearest_f64(430_000), 0.43);
        assert_eq!(nearest_f64(-(1 << 53) - 1), -9007199254.740993);
    }

    proptest! {
        #[test]
        fn a_value_survives_its_text(millionths in Millionths::MIN.get()..=Millionths::MAX.get()) {
            let value = Millionths::new(millionths).unwrap();
            prop_assert_eq!(value.to_string().parse(), Ok(value));
        }

        #[test]
        fn a_ratio_is_the_exact_quotient_rounded_half_to_even(
            d in prop_oneof![1i64..Millionths::LIMIT, 1i64..100_000_000, (1i64..64).prop_map(|d| d * 128)],
            part in 0u64..=u64::MAX,
            nudge in -3i64..=3,
        ) {
            let n = ((u128::from(part) * d as u128) >> 64) as i64;
            for n in [n, (n + nudge).clamp(0, d), d, d / 2] {
                let exact = mean(i128::from(n) * ONE, d as u64);
                let ratio = Millionths::ratio(Millionths(n), Millionths(d));
                prop_assert_eq!(i128::from(ratio.get()), exact);
            }
        }

        #[test]
        fn the_nearest_double_agrees_with_the_standard_library(wide: i128, narrow: i64) {
            for millionths in [wide, i128::from(narrow), i128::from(narrow) >> 8] {
                prop_assert_eq!(nearest_f64(millionths), Fixed(millionths).to_string().parse::<f64>().unwrap());
            }
        }
    }
}
