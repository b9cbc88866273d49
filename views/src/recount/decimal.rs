//! Exact decimals, read from their text digit by digit.

use std::cmp::Ordering;

/// A number's text taken apart: `0.d1 d2 d3… * 10^point`, d1 not zero.
pub(super) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    pub(super) point: i64,
}

impl Decimal {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not a number");
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, clamped(exponent).ok_or_else(wrong)?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if whole.is_empty() || !all.iter().all(u8::is_ascii_digit) {
            return Err(wrong());
        }
        let zeros = all.iter().take_while(|digit| **digit == b'0').count();
        let digits: Vec<u8> = all[zeros..].iter().map(|digit| digit - b'0').collect();
        let point = if digits.is_empty() { 0 } else { whole.len() as i64 - zeros as i64 + exponent };
        Ok(Decimal { negative: mantissa.starts_with('-'), digits, point })
    }

    /// The value times `10^shift`: its whole part, and how the rest compares
    /// with one half.
    fn split(&self, shift: i64) -> Option<(i128, Ordering)> {
        let keep = self.point + shift;
        if keep > 30 {
            return self.digits.is_empty().then_some((0, Ordering::Less));
        }
        if keep < 0 {
            return Some((0, Ordering::Less));
        }
        let keep = keep as usize;
        let whole =
            (0..keep).fold(0i128, |whole, index| whole * 10 + i128::from(self.digits.get(index).copied().unwrap_or(0)));
        let mut rest = self.digits.get(keep..).unwrap_or(&[]).to_vec();
        while rest.last() == Some(&0) {
            rest.pop();
        }
        Some((whole, rest.as_slice().cmp(&[5])))
    }

    pub(super) fn nearest(&self, shift: i64) -> Option<i128> {
        let (whole, rest) = self.split(shift)?;
        let up = match rest {
            Ordering::Less => false,
            Ordering::Equal => whole % 2 == 1,
            Ordering::Greater => true,
        };
        let size = whole + i128::from(up);
        Some(if self.negative { -size } else { size })
    }

    pub(super) fn floor(&self, shift: i64) -> Option<i128> {
        let (whole, _) = self.split(shift)?;
        (!self.negative || self.digits.is_empty()).then_some(whole)
    }
}

/// An exponent, its size cut where it makes no difference any more.
fn clamped(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000);
    Some(if negative { -size } else { size })
}
