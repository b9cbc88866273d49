//! The generator's random numbers: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
//!
//! In: a seed. Out: the same 64-bit numbers on every machine and in every release, which a library's "small
//! generator" does not promise. Must hold: never used where randomness protects something.

/// A seeded stream of 64-bit numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (at most 2^32), by the high half of one draw.
    #[inline]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        scale(self.next() >> 32, bound)
    }
}

/// Maps 32 random bits to `0..bound` by multiplication.
#[inline]
pub(crate) fn scale(bits: u64, bound: usize) -> usize {
    ((bits * bound as u64) >> 32) as usize
}
