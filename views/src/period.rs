//! The stretch of time one batch view file stands for: a UTC day of the
//! current month, or a whole older month.
//!
//! "Current" is the month of the latest tick in the cuts, never of a clock, so
//! that the same cuts always give the same files.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use schema::{Date, Minute, Month};

/// A day or a month, UTC. Ordered by its first minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// One day of the current month or later.
    Day(Date),
    /// One month before the current.
    Month(Month),
}

impl Period {
    /// The period that `minute` lies in while `current` is the current month.
    #[must_use]
    pub fn of(minute: Minute, current: Month) -> Self {
        let date = minute.date();
        if date.month() < current { Period::Month(date.month()) } else { Period::Day(date) }
    }

    /// The same time while `current` is the current month: a day grown old becomes its month.
    #[must_use]
    pub fn at(self, current: Month) -> Self {
        Period::of(*self.minutes().start(), current)
    }

    /// The minutes it holds.
    #[must_use]
    pub fn minutes(self) -> RangeInclusive<Minute> {
        match self {
            Period::Day(date) => date.first_minute()..=date.last_minute(),
            Period::Month(month) => month.first().first_minute()..=month.last().last_minute(),
        }
    }

    fn order(self) -> (Minute, bool) {
        (*self.minutes().start(), matches!(self, Period::Month(_)))
    }
}

impl Ord for Period {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Period {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Period {
    /// `2026-11-21` or `2026-11`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Day(date) => date.fmt(f),
            Period::Month(month) => month.fmt(f),
        }
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let period = if text.len() > "YYYY-MM".len() {
            text.parse().ok().map(Period::Day)
        } else {
            text.parse().ok().map(Period::Month)
        };
        period.ok_or_else(|| format!("{text:?} is neither YYYY-MM-DD nor YYYY-MM"))
    }
}
