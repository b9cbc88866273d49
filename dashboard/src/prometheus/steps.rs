//! Steps: the times at which an expression is evaluated.
//!
//! What must hold: they rise, and there are at most as many as Prometheus allows a series.

use super::failure::Failure;

/// Intervals between the points of a series, as in Prometheus.
const INTERVALS: i64 = 11_000;

/// Evenly spaced times in milliseconds since 1970, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    start: i64,
    step: i64,
    count: i64,
}

impl Steps {
    /// One time alone.
    pub(super) fn at(time: i64) -> Self {
        Self { start: time, step: 1, count: 1 }
    }

    /// From `start`, `step` apart, up to `end`, which is one of them if it falls on one.
    pub(super) fn over(start: i64, end: i64, step: i64) -> Result<Self, Failure> {
        if end < start {
            return Err(Failure::bad_data("invalid parameter \"end\": the range ends before it starts"));
        }
        if step <= 0 {
            return Err(Failure::bad_data("invalid parameter \"step\": it must be longer than nothing"));
        }
        let intervals = (end - start) / step;
        if intervals > INTERVALS {
            let why =
                format!("exceeded maximum resolution of {INTERVALS} points per timeseries: ask for a longer step");
            return Err(Failure::bad_data(why));
        }
        Ok(Self { start, step, count: intervals + 1 })
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        // At most as many as are allowed.
        self.count as usize
    }

    /// The first.
    pub(super) fn first(&self) -> i64 {
        self.start
    }

    /// The last.
    pub(super) fn last(&self) -> i64 {
        self.start + (self.count - 1) * self.step
    }

    /// Each.
    pub(super) fn times(&self) -> Vec<i64> {
        (0..self.count).map(|n| self.start + n * self.step).collect()
    }
}
