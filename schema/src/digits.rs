//! Digits written without the machinery of formatting: answers are mostly numbers and times.

/// The two digits of every number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Puts `number`, which is below 100, into two digits at `at`.
#[inline]
pub(crate) fn two(text: &mut [u8], at: usize, number: u32) {
    text[at..at + 2].copy_from_slice(&PAIRS[number as usize]);
}

/// Puts `number`, which is below 10 000, into four digits at `at`.
#[inline]
pub(crate) fn four(text: &mut [u8], at: usize, number: u32) {
    two(text, at, number / 100);
    two(text, at + 2, number % 100);
}

/// Puts `number`, which is below a million, into six digits at `at`.
#[inline]
pub(crate) fn six(text: &mut [u8], at: usize, number: u32) {
    two(text, at, number / 10_000);
    four(text, at + 2, number % 10_000);
}

/// Puts `number` into as many digits as it has, which end at `end`; says where they begin.
#[inline]
pub(crate) fn whole(text: &mut [u8], end: usize, mut number: u64) -> usize {
    let mut at = end;
    while number >= 100 {
        at -= 2;
        two(text, at, (number % 100) as u32);
        number /= 100;
    }
    if number >= 10 {
        at -= 2;
        two(text, at, number as u32);
    } else {
        at -= 1;
        text[at] = b'0' + number as u8;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_are_those_that_formatting_writes(number in prop_oneof![any::<u64>(), 0..2_000_u64], small in 0..1_000_000_u32) {
            let mut text = [b' '; 31];
            let start = whole(&mut text, 20, number);
            six(&mut text, 20, small);
            four(&mut text, 27, small % 10_000);
            let expected = format!("{number}{small:06} {:04}", small % 10_000);
            prop_assert_eq!(std::str::from_utf8(&text[start..]).unwrap(), expected);
        }
    }
}
