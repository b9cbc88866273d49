//! The double nearest to an exact mean.
//!
//! What must hold: the sum is divided exactly and rounded once, to nearest, ties to even.

/// Digits behind the binary point that one round of long division finds.
const ROUND: u32 = 40;
const MILLION: u128 = 1_000_000;

/// The double nearest to `sum` millionths divided by `n`; NaN if there are none.
pub(super) fn nearest_mean(sum: i128, n: u64) -> f64 {
    if n == 0 {
        return f64::NAN;
    }
    let (size, divisor) = (sum.unsigned_abs(), u128::from(n) * MILLION);
    // Doubles hold both: the division rounds once.
    let nearest = match size.max(divisor) <= 1 << 53 {
        true => size as f64 / divisor as f64,
        false => divided(size, divisor),
    };
    if sum < 0 { -nearest } else { nearest }
}

/// By long division, until there are more digits than a double holds and whether any follow.
fn divided(dividend: u128, divisor: u128) -> f64 {
    let (mut quotient, mut rest, mut shift) = (dividend / divisor, dividend % divisor, 0);
    while rest != 0 && quotient < 1 << 64 {
        let more = rest << ROUND;
        quotient = (quotient << ROUND) | (more / divisor);
        rest = more % divisor;
        shift += ROUND;
    }
    // The last digit stands for all that follow; it is far behind the last one that a double keeps.
    let quotient = quotient | u128::from(rest != 0);
    quotient as f64 * f64::powi(2.0, -(shift as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn means_are_the_nearest_doubles() {
        assert_eq!(nearest_mean(430_000, 1), 0.43);
        assert_eq!(nearest_mean(1_000_000, 3), 1.0 / 3.0);
        assert_eq!(nearest_mean(-1, 3), -3.333_333_333_333_333_5e-7);
        assert_eq!(nearest_mean(0, 7), 0.0);
        assert!(nearest_mean(0, 0).is_nan());
        // One above 2^53 millions, and just enough more to round up.
        assert_eq!(nearest_mean(((1 << 53) + 1) * 1_000_000, 1), 9_007_199_254_740_992.0);
        assert_eq!(nearest_mean(((1 << 53) + 1) * 1_000_000 + 1, 1), 9_007_199_254_740_994.0);
    }

    proptest! {
        #[test]
        fn long_division_is_division_where_doubles_suffice(sum in 0u128..1 << 53, n in 1u128..1 << 33) {
            let divisor = n * MILLION;
            prop_assert_eq!(divided(sum, divisor), sum as f64 / divisor as f64);
        }

        #[test]
        fn whole_means_are_exact_or_read_as_their_decimal_text(whole in -(1i128 << 80)..1 << 80, n in 1u64..1 << 20) {
            let read: f64 = whole.to_string().parse().unwrap();
            prop_assert_eq!(nearest_mean(whole * 1_000_000 * i128::from(n), n), read);
        }
    }
}
