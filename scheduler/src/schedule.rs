//! A cron schedule in a time zone.
//!
//! In: five fields (or six, seconds first, or `@hourly`, `@daily`, …) and a zone of the tz database. Out: ticks, on
//! whole seconds. Must hold: `next` is after, `previous` is not after, and between `previous(t)` and `next(t)` there
//! is no tick. An hour that the clock repeats in autumn has its ticks twice if they come every hour, and once if
//! they are for a fixed hour; ticks in an hour that spring leaves out come right after it (see croner).

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use schema::Micros;

use crate::error::SchedulerError;

const SECOND: i64 = 1_000_000;

/// When things are due.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

impl Schedule {
    /// Reads a pattern and the name of a zone.
    ///
    /// # Errors
    /// [`SchedulerError::Pattern`] and [`SchedulerError::Zone`] if one is none, or the pattern never matches.
    pub fn parse(pattern: &str, zone: &str) -> Result<Self, SchedulerError> {
        let refused = |reason: String| SchedulerError::Pattern { pattern: pattern.to_owned(), reason };
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(pattern).map_err(|error| refused(error.to_string()))?;
        let zone = zone.parse().map_err(|_| SchedulerError::Zone { zone: zone.to_owned() })?;
        let schedule = Self { cron, zone };
        match schedule.next(YEAR_2000) {
            Some(_) => Ok(schedule),
            None => Err(refused("it never comes".to_owned())),
        }
    }

    /// The first tick after `time`; none in reach of the calendar.
    pub fn next(&self, time: Micros) -> Option<Micros> {
        let from = self.local(time.get().div_euclid(SECOND))?;
        micros(&self.cron.find_next_occurrence(&from, false).ok()?)
    }

    /// The last tick at or before `time`; none since 1970.
    pub fn previous(&self, time: Micros) -> Option<Micros> {
        let from = self.local(time.get().div_euclid(SECOND))?;
        micros(&self.cron.find_previous_occurrence(&from, true).ok()?)
    }

    fn local(&self, seconds: i64) -> Option<DateTime<Tz>> {
        Some(DateTime::<Utc>::from_timestamp(seconds, 0)?.with_timezone(&self.zone))
    }
}

/// From here on a pattern has every day of the calendar before it, the 29th of February too.
const YEAR_2000: Micros = match Micros::new(946_684_800 * SECOND) {
    Some(time) => time,
    None => Micros::MIN,
};

fn micros(time: &DateTime<Tz>) -> Option<Micros> {
    Micros::new(time.timestamp().checked_mul(SECOND)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERNS: [&str; 12] = [
        "0 * * * *",
        "*/5 * * * *",
        "*/10 * * * * *",
        "30 2 * * *",
        "0 0 * * 0",
        "15,45 8-18 * * MON-FRI",
        "0 0 1 * *",
        "0 0 29 2 *",
        "59 59 23 31 12 *",
        "@hourly",
        "@daily",
        "@weekly",
    ];
    const ZONES: [&str; 6] =
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"];

    fn time(text: &str) -> Micros {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn no_tick_lies_between_the_previous_and_the_next(
            pattern in prop::sample::select(&PATTERNS), zone in prop::sample::select(&ZONES),
            micros in 1_000_000_000_000_000i64..2_200_000_000_000_000,
        ) {
            let schedule = Schedule::parse(pattern, zone).unwrap();
            let at = Micros::new(micros).unwrap();
            let (previous, next) = (schedule.previous(at).unwrap(), schedule.next(at).unwrap());
            prop_assert!(previous <= at && at < next);
            prop_assert_eq!(schedule.next(previous), Some(next));
            prop_assert_eq!(schedule.previous(next), Some(next));
            prop_assert_eq!(schedule.previous(next.saturating_add(-1)), Some(previous));
        }

        #[test]
        fn around_a_change_of_clocks_ticks_agree_in_both_directions(
            pattern in prop::sample::select(&PATTERNS[..4]), minutes in -240i64..240,
            change in prop::sample::select(&["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]),
        ) {
            let schedule = Schedule::parse(pattern, "Europe/Berlin").unwrap();
            let at = time(change).saturating_add(minutes * 60 * SECOND);
            let (previous, next) = (schedule.previous(at).unwrap(), schedule.next(at).unwrap());
            prop_assert!(previous <= at && at < next);
            prop_assert_eq!(schedule.next(previous), Some(next));
            prop_assert_eq!(schedule.previous(next.saturating_add(-1)), Some(previous));
        }
    }

    #[test]
    fn an_hourly_schedule_ticks_every_hour_through_a_change_of_clocks() {
        let schedule = Schedule::parse("0 * * * *", "Europe/Berlin").unwrap();
        for start in ["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z"] {
            let mut tick = time(start);
            for _ in 0..12 {
                let next = schedule.next(tick).unwrap();
                assert_eq!(next.get() - tick.get(), 3600 * SECOND);
                tick = next;
            }
        }
    }

    #[test]
    fn a_schedule_follows_its_zone() {
        let berlin = Schedule::parse("0 6 * * *", "Europe/Berlin").unwrap();
        assert_eq!(berlin.next(time("2026-11-21T00:00:00Z")), Some(time("2026-11-21T05:00:00Z")));
        assert_eq!(berlin.next(time("2026-07-21T00:00:00Z")), Some(time("2026-07-21T04:00:00Z")));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for pattern in ["", "* * * *", "61 * * * *", "0 0 30 2 *", "hourly", "0 0 0 1 1 * 2030"] {
            assert!(matches!(Schedule::parse(pattern, "UTC"), Err(SchedulerError::Pattern { .. })), "{pattern}");
        }
        assert!(matches!(Schedule::parse("@hourly", "Mars/Olympus"), Err(SchedulerError::Zone { .. })));
    }
}
