//! Windows over a series' samples, and what they are folded to.
//!
//! Enters: when samples were taken, rising, and where windows end, not falling. What must hold: as both rise, two
//! places move forward and nothing is looked for twice; a window is open on its left. A sum is carried in twice a
//! double's precision, so that it is as exact late in a series as early.

use std::collections::VecDeque;
use std::ops::Range;

/// A sample for each step, where there is one.
pub(super) type Points = Vec<Option<f64>>;

/// For each end the samples in the `back` milliseconds up to it.
pub(super) fn windows(times: &[i64], ends: &[i64], back: i64) -> Vec<Range<usize>> {
    let (mut from, mut to) = (0, 0);
    let window = |end: &i64| {
        while times.get(to).is_some_and(|time| time <= end) {
            to += 1;
        }
        while times.get(from).is_some_and(|time| *time <= end - back) {
            from += 1;
        }
        from..to
    };
    ends.iter().map(window).collect()
}

/// The newest sample of each window.
pub(super) fn newest(values: &[f64], windows: &[Range<usize>]) -> Points {
    windows.iter().map(|window| values[window.clone()].last().copied()).collect()
}

/// How many samples each window has.
pub(super) fn counts(windows: &[Range<usize>]) -> Points {
    windows.iter().map(|window| filled(window).then_some(window.len() as f64)).collect()
}

/// The sum of each window.
pub(super) fn sums(values: &[f64], windows: &[Range<usize>]) -> Points {
    let mut sums = vec![Twofold::default()];
    let mut total = Twofold::default();
    sums.extend(values.iter().map(|value| {
        total = total.plus(Twofold { high: *value, low: 0.0 });
        total
    }));
    let sum = |window: &Range<usize>| sums[window.end].plus(sums[window.start].negated()).high;
    windows.iter().map(|window| filled(window).then(|| sum(window))).collect()
}

/// The mean of each window's samples, each weighing the same.
pub(super) fn averages(values: &[f64], windows: &[Range<usize>]) -> Points {
    let counts = windows.iter().map(|window| window.len() as f64);
    sums(values, windows).into_iter().zip(counts).map(|(sum, count)| Some(sum? / count)).collect()
}

/// The greatest of each window.
pub(super) fn greatest(values: &[f64], windows: &[Range<usize>]) -> Points {
    extremes(values, windows, |one, other| one >= other)
}

/// The least of each window.
pub(super) fn least(values: &[f64], windows: &[Range<usize>]) -> Points {
    extremes(values, windows, |one, other| one <= other)
}

/// The sample of each window that `beats` the others: those that may yet be it are kept, each beaten by the one
/// before.
fn extremes(values: &[f64], windows: &[Range<usize>], beats: impl Fn(f64, f64) -> bool) -> Points {
    let (mut kept, mut next) = (VecDeque::<usize>::new(), 0);
    let extreme = |window: &Range<usize>| {
        while next < window.end {
            while kept.back().is_some_and(|last| beats(values[next], values[*last])) {
                kept.pop_back();
            }
            kept.push_back(next);
            next += 1;
        }
        while kept.front().is_some_and(|first| *first < window.start) {
            kept.pop_front();
        }
        kept.front().map(|first| values[*first])
    };
    windows.iter().map(extreme).collect()
}

/// The quantile of each window, which may be another at each step; a window that repeats is sorted once.
pub(super) fn quantiles(values: &[f64], windows: &[Range<usize>], phis: &[f64]) -> Points {
    let (mut sorted, mut of) = (Vec::new(), 0..0);
    let quantiles = windows.iter().zip(phis).map(|(window, phi)| {
        if of != *window {
            of = window.clone();
            sorted = values[window.clone()].to_vec();
            sorted.sort_by(f64::total_cmp);
        }
        filled(window).then(|| quantile(&sorted, *phi))
    });
    quantiles.collect()
}

/// The quantile of values that are sorted, by linear interpolation as in Prometheus.
pub(super) fn quantile(sorted: &[f64], phi: f64) -> f64 {
    if sorted.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&phi) {
        return if phi < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let last = sorted.len() - 1;
    let rank = phi * last as f64;
    let (below, weight) = (rank.floor() as usize, rank - rank.floor());
    sorted[below.min(last)] * (1.0 - weight) + sorted[(below + 1).min(last)] * weight
}

fn filled(window: &Range<usize>) -> bool {
    !window.is_empty()
}

/// A number as the sum of two doubles, the lower one less than half a digit of the upper one.
#[derive(Clone, Copy, Debug, Default)]
struct Twofold {
    high: f64,
    low: f64,
}

impl Twofold {
    /// The sum (Dekker 1971, with Knuth's exact addition of two doubles).
    fn plus(self, other: Self) -> Self {
        let (high, low) = exact_sum(self.high, other.high);
        let (low_high, low_low) = exact_sum(self.low, other.low);
        let (high, low) = fast_exact_sum(high, low + low_high);
        let (high, low) = fast_exact_sum(high, low + low_low);
        Self { high, low }
    }

    fn negated(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

/// The double nearest to the sum, and what is missing.
pub(super) fn exact_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// The same where `a` is the larger.
fn fast_exact_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a fold finds that looks at each window by itself.
    fn each(values: &[f64], windows: &[Range<usize>], fold: impl Fn(&[f64]) -> f64) -> Points {
        windows.iter().map(|window| Some(&values[window.clone()]).filter(|w| !w.is_empty()).map(&fold)).collect()
    }

    /// What values are whole multiples of, so that integers sum them exactly.
    const UNIT: f64 = 1.0 / 1048576.0;

    /// The nearest double.
    fn exact(window: &[f64]) -> f64 {
        let sum: i128 = window.iter().map(|value| (value / UNIT) as i128).sum();
        sum as f64 * UNIT
    }

    #[test]
    fn windows_side_by_side_share_no_sample() {
        let times = [60, 120, 180, 240];
        assert_eq!(windows(&times, &[0, 60, 120, 240, 360], 120), [0..0, 0..1, 0..2, 2..4, 4..4]);
        assert_eq!(windows(&times, &[179, 180], 60), [1..2, 2..3]);
        assert_eq!(windows(&[], &[5, 6], 1), [0..0, 0..0]);
        assert_eq!(windows(&times, &[120, 120, 120], 60), [1..2, 1..2, 1..2]);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 1.0), 4.0);
        assert_eq!(quantile(&[1.0], 0.5), 1.0);
        assert_eq!(quantile(&[1.0], 1.1), f64::INFINITY);
        assert_eq!(quantile(&[1.0], -0.1), f64::NEG_INFINITY);
        assert!(quantile(&[1.0], f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn every_fold_is_what_each_window_holds(
            gaps in prop::collection::vec(1i64..4, 0..60),
            units in prop::collection::vec(-(1i64 << 52)..1 << 52, 60),
            moves in prop::collection::vec(0i64..5, 1..60),
            back in 1i64..12,
        ) {
            let rising = |gaps: &[i64]| gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect::<Vec<i64>>();
            let (times, ends) = (rising(&gaps), rising(&moves));
            let values: Vec<f64> = units.iter().take(times.len()).map(|value| *value as f64 * UNIT).collect();
            let windows = windows(&times, &ends, back);
            for (window, end) in windows.iter().zip(&ends) {
                let inside = |time: &i64| (end - back < *time) && time <= end;
                let held: Vec<i64> = times[window.clone()].to_vec();
                prop_assert_eq!(held, times.iter().copied().filter(inside).collect::<Vec<_>>());
            }
            prop_assert_eq!(sums(&values, &windows), each(&values, &windows, exact));
            let mean = |window: &[f64]| exact(window) / window.len() as f64;
            prop_assert_eq!(averages(&values, &windows), each(&values, &windows, mean));
            let max = |window: &[f64]| window.iter().copied().fold(f64::MIN, f64::max);
            prop_assert_eq!(greatest(&values, &windows), each(&values, &windows, max));
            let min = |window: &[f64]| window.iter().copied().fold(f64::MAX, f64::min);
            prop_assert_eq!(least(&values, &windows), each(&values, &windows, min));
            prop_assert_eq!(counts(&windows), each(&values, &windows, |window| window.len() as f64));
            prop_assert_eq!(newest(&values, &windows), each(&values, &windows, |window| window[window.len() - 1]));
        }
    }
}
