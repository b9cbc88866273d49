//! Latencies counted in buckets: constant memory, percentiles within 1 %.
//!
//! In: durations with how many lines they stand for. Out: percentiles. Must hold: merging two histograms equals
//! having counted into one; a percentile is never below the true one by more than a bucket's width.

use std::time::Duration;

/// Buckets a power of two is split into.
const FINE: u64 = 128;
const FINE_BITS: u32 = FINE.trailing_zeros();
/// Up to 2^42 µs, 50 days; above that everything counts as that.
const BUCKETS: usize = ((42 - FINE_BITS as usize) + 2) * FINE as usize;

/// A histogram of durations, in microseconds.
#[derive(Clone, Debug)]
pub struct Latency {
    counts: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), count: 0, max: 0 }
    }
}

impl Latency {
    /// Counts `duration` for each of `lines`.
    pub fn record(&mut self, duration: Duration, lines: u64) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros)] += lines;
        self.count += lines;
        self.max = self.max.max(micros);
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many lines were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest duration, exactly.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max)
    }

    /// The duration that `percent` of the lines (0 to 100) did not exceed, rounded up to its bucket's end; zero if
    /// nothing was counted.
    pub fn percentile(&self, percent: f64) -> Duration {
        let wanted = ((self.count as f64 * percent / 100.0).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_micros(last_of(bucket).min(self.max));
            }
        }
        self.max()
    }
}

/// Exact below `FINE`; above, `FINE` buckets for each power of two.
fn bucket(micros: u64) -> usize {
    if micros < FINE {
        return micros as usize;
    }
    let power = micros.ilog2() - FINE_BITS;
    let fine = (micros >> power) - FINE;
    let bucket = (u64::from(power) + 1) * FINE + fine;
    (bucket as usize).min(BUCKETS - 1)
}

/// The longest duration that falls into `bucket`.
fn last_of(bucket: usize) -> u64 {
    let (power, fine) = (bucket as u64 / FINE, bucket as u64 % FINE);
    match power {
        0 => fine,
        _ => ((FINE + fine + 1) << (power - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_percentile_is_the_sorted_lists_within_a_bucket(
            micros in prop::collection::vec((0u32..40).prop_flat_map(|bits| 0..1u64 << bits), 1..200),
            percent in 0.0..=100.0f64,
        ) {
            let mut latency = Latency::default();
            micros.iter().for_each(|&micros| latency.record(Duration::from_micros(micros), 1));
            let mut sorted = micros.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
            let exact = sorted[rank.max(1) - 1];
            let found = latency.percentile(percent).as_micros() as u64;
            prop_assert!(exact <= found && found <= exact + exact / 128 + 1, "{exact} {found}");
            prop_assert_eq!(latency.max().as_micros() as u64, sorted[sorted.len() - 1]);
        }

        #[test]
        fn merging_is_counting_into_one(
            one in prop::collection::vec(0u64..1 << 45, 0..20), other in prop::collection::vec(0u64..1 << 45, 0..20),
        ) {
            let of = |micros: &[u64]| {
                let mut latency = Latency::default();
                micros.iter().for_each(|&micros| latency.record(Duration::from_micros(micros), 2));
                latency
            };
            let mut merged = of(&one);
            merged.merge(&of(&other));
            let both = of(&[one, other].concat());
            prop_assert_eq!(merged.counts, both.counts);
            prop_assert_eq!((merged.count, merged.max), (both.count, both.max));
        }
    }
}
