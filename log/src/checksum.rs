//! Joining checksums: the CRC-32C of two stretches one after the other, from theirs, without their bytes.
//!
//! A journal has up to 180 000 records an hour, and each reading joins those it passes; so this takes the way of zlib's
//! `crc32_combine` (Mark Adler), which costs a multiplication for each bit that is set in the length.

/// The CRC-32C of `first` and then `second`, which is `length` bytes long, from the checksums of both.
pub(crate) fn join(first: u32, second: u32, length: u64) -> u32 {
    multiply(x_to_the_8(length), first) ^ second
}

/// The polynomials here are over GF(2), modulo this one, with the lowest power in the highest bit.
const CASTAGNOLI: u32 = 0x82f6_3b78;

/// x to the powers 2^0, 2^1, …
const SQUARES: [u32; 64] = {
    let mut squares = [1 << 30; 64];
    let mut power = 1;
    while power < squares.len() {
        squares[power] = multiply(squares[power - 1], squares[power - 1]);
        power += 1;
    }
    squares
};

/// x to the power 8 * `bytes`.
fn x_to_the_8(bytes: u64) -> u32 {
    let set = (0..61).filter(|bit| bytes >> bit & 1 == 1);
    set.fold(1 << 31, |product, bit| multiply(SQUARES[bit + 3], product))
}

const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut rest = a;
    while rest != 0 {
        if rest >> 31 == 1 {
            product ^= b;
        }
        rest <<= 1;
        b = if b & 1 == 1 { (b >> 1) ^ CASTAGNOLI } else { b >> 1 };
    }
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_checksums_are_those_of_the_joined_bytes(first: Vec<u8>, second: Vec<u8>, zeros in 0..100_000_usize) {
            let second = [second, vec![0; zeros]].concat();
            let joined = join(crc32c::crc32c(&first), crc32c::crc32c(&second), second.len() as u64);
            prop_assert_eq!(joined, crc32c::crc32c(&[first, second].concat()));
        }
    }

    #[test]
    fn gigabytes_are_joined_too() {
        let zeros = vec![0; 1 << 20];
        let of_zeros = |count: usize| (0..count).fold(0, |crc, _| crc32c::crc32c_append(crc, &zeros));
        assert_eq!(join(of_zeros(1), of_zeros(300), 300 << 20), of_zeros(301));
    }
}
