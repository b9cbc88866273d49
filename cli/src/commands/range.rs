//! A range of time and services, as every reading command takes them: resolved against clock and zone.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use schema::{Micros, ServiceName};

use crate::advice::Advice;
use crate::flags::{Moment, RangeArgs};

/// What is asked for: `from <= t < to`, of these services.
#[derive(Debug)]
pub(super) struct Range {
    /// The earliest time.
    pub(super) from: Micros,
    /// The time up to which.
    pub(super) to: Micros,
    /// The services; empty: all of them.
    pub(super) services: BTreeSet<ServiceName>,
}

/// What a range is without its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unless {
    /// Everything there is.
    Everything,
    /// The last hour.
    LastHour,
}

const HOUR: i64 = 3_600_000_000;

impl Range {
    /// Resolves the flags.
    ///
    /// # Errors
    /// A range that ends before it starts; what no service can be called.
    pub(super) fn of(args: &RangeArgs, now: Micros, unless: Unless) -> Result<Self> {
        let (first, last) = match unless {
            Unless::Everything => (Moment::Instant(0), Moment::Instant(i64::MAX)),
            Unless::LastHour => (Moment::FromNow(-HOUR), Moment::FromNow(0)),
        };
        let from = args.from.unwrap_or(first).resolve(now, args.tz)?;
        let to = args.to.unwrap_or(last).resolve(now, args.tz)?;
        if from > to {
            return Err(anyhow!("the range starts at {from}, after its end at {to}")
                .advise("exchange --from and --to, or leave one out"));
        }
        let names = args.service.iter().map(|name| ServiceName::new(name));
        Ok(Self { from, to, services: names.collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(from: &str, to: &str) -> RangeArgs {
        let moment = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        RangeArgs { from: moment(from), to: moment(to), service: vec![], tz: chrono_tz::Tz::UTC }
    }

    #[test]
    fn without_flags_a_range_is_the_last_hour_or_everything() {
        let now = Micros::new(10 * HOUR).unwrap();
        let hour = Range::of(&args("", ""), now, Unless::LastHour).unwrap();
        assert_eq!((hour.from.get(), hour.to.get()), (9 * HOUR, 10 * HOUR));
        let all = Range::of(&args("", ""), now, Unless::Everything).unwrap();
        assert_eq!((all.from, all.to), (Micros::MIN, Micros::MAX));
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_refused() {
        let now = Micros::new(10 * HOUR).unwrap();
        assert!(Range::of(&args("-1h", "-2h"), now, Unless::LastHour).is_err());
        assert!(Range::of(&args("-1h", "-1h"), now, Unless::LastHour).is_ok());
    }
}
