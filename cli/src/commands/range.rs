//! A range of time and services, as every reading command takes them: resolved against clock and zone.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use schema::{Micros, Minute, ServiceName};
use views::{Moment, ServiceSeen};

use crate::advice::Advice;
use crate::flags::RangeArgs;
use crate::open::Place;
use crate::progress::note;

/// What is asked for: `from <= t < to`, whole minutes, of these services.
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
    /// The hour before its end, which is now.
    LastHour,
}

const HOUR: i64 = 3_600_000_000;

impl Range {
    /// Resolves the flags.
    ///
    /// # Errors
    /// A range that ends before it starts; what no service can be called.
    pub(super) fn of(args: &RangeArgs, now: Micros, unless: Unless) -> Result<Self> {
        let resolve = |moment: Option<Moment>| {
            let resolved = moment.map(|moment| moment.resolve(now, args.tz)).transpose();
            resolved.map_err(|error| {
                anyhow!(error).advise("write the time with its offset, as in 2026-03-29T02:30:00+01:00")
            })
        };
        let (from, to) = (resolve(args.from)?, resolve(args.to)?);
        let (from, to) = match unless {
            Unless::Everything => (from.unwrap_or(Micros::MIN), to.unwrap_or(Micros::MAX)),
            Unless::LastHour => {
                let to = to.unwrap_or(now);
                (from.unwrap_or_else(|| to.saturating_add(-HOUR)), to)
            }
        };
        if from > to {
            return Err(anyhow!("the range starts at {from}, after its end at {to}")
                .advise("exchange --from and --to, or leave one out"));
        }
        let names = args.service.iter().map(|name| ServiceName::new(name));
        let minute = to.minute();
        let next = || Minute::new(minute.get() + 1).map_or(Micros::MAX, Minute::start);
        let to = if to == minute.start() { to } else { next() };
        Ok(Self { from: from.minute().start(), to, services: names.collect::<Result<_, _>>()? })
    }

    /// Notes what is really asked for, and which of its services never sent.
    pub(super) async fn explain(&self, place: &Place) {
        note(&self.told());
        if self.services.is_empty() {
            return;
        }
        // A view that cannot be read is for the command itself to find.
        let Ok((seen, _)) = views::services(&place.reader()).await else { return };
        let overlaps = |one: &&ServiceSeen| one.first.start() < self.to && one.last.start() >= self.from;
        let seen: BTreeSet<_> = seen.iter().filter(overlaps).map(|one| &one.service).collect();
        self.services.iter().filter(|service| !seen.contains(service)).for_each(|service| note(&absent(service)));
    }

    fn told(&self) -> String {
        match (self.from, self.to) {
            (Micros::MIN, Micros::MAX) => "all times".to_owned(),
            (Micros::MIN, to) => format!("up to {to}"),
            (from, Micros::MAX) => format!("from {from}"),
            (from, to) => format!("{from} to {to}"),
        }
    }
}

/// Says that nothing of a service is in a range.
pub(super) fn absent(service: &ServiceName) -> String {
    format!("{service}: no message of this service in this range; `hourglass services` lists all")
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
    fn an_end_alone_is_the_end_of_an_hour() {
        let now = Micros::new(10 * HOUR).unwrap();
        let hour = Range::of(&args("", "-90m"), now, Unless::LastHour).unwrap();
        assert_eq!((hour.from.get(), hour.to.get()), (15 * HOUR / 2, 17 * HOUR / 2));
    }

    #[test]
    fn a_range_is_whole_minutes_and_says_so() {
        let now = Micros::new(10 * HOUR).unwrap();
        let told = |from, to| Range::of(&args(from, to), now, Unless::Everything).unwrap().told();
        assert_eq!(
            told("1970-01-01T00:01:30", "1970-01-01T00:01:31"),
            "1970-01-01T00:01:00.000000Z to 1970-01-01T00:02:00.000000Z"
        );
        assert_eq!(told("", "1970-01-01T00:02"), "up to 1970-01-01T00:02:00.000000Z");
        assert_eq!(told("1970-01-01T00:02", ""), "from 1970-01-01T00:02:00.000000Z");
        assert_eq!(told("", ""), "all times");
        let end = Range::of(&args("", "9999-12-31T23:59:59.5"), now, Unless::Everything).unwrap();
        assert_eq!(end.to, Micros::MAX);
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_refused() {
        let now = Micros::new(10 * HOUR).unwrap();
        assert!(Range::of(&args("-1h", "-2h"), now, Unless::LastHour).is_err());
        assert!(Range::of(&args("-1h", "-1h"), now, Unless::LastHour).is_ok());
    }
}
