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

/// Appends `number`, which is below 100, in two digits.
pub(crate) fn two(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&PAIRS[number as usize]);
}

/// Appends `number`, which is below 10 000, in four digits.
pub(crate) fn four(out: &mut Vec<u8>, number: u32) {
    two(out, number / 100);
    two(out, number % 100);
}

/// Appends `number`, which is below a million, in six digits.
pub(crate) fn six(out: &mut Vec<u8>, number: u32) {
    two(out, number / 10_000);
    four(out, number % 10_000);
}

/// Appends a whole number.
pub(crate) fn whole(out: &mut Vec<u8>, mut number: u64) {
    let (mut digits, mut at) = ([0; 20], 20);
    while number >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[number as usize]);
    } else {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_are_those_that_formatting_writes(number in prop_oneof![any::<u64>(), 0..2_000_u64], small in 0..1_000_000_u32) {
            let mut out = Vec::new();
            whole(&mut out, number);
            out.push(b' ');
            six(&mut out, small);
            four(&mut out, small % 10_000);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("{number} {small:06}{:04}", small % 10_000));
        }
    }
}
