//! Time as people write it, on a command line or in an address: RFC 3339, a date, a date and time, `now`, or relative to now.
//! Parsing needs neither clock nor zone; [`Moment::resolve`] takes both.

use std::str::FromStr;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use schema::Micros;

/// A time as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `now`, or so many microseconds from it.
    FromNow(i64),
    /// A wall clock's reading in a zone still to be told.
    Local(NaiveDateTime),
    /// With its zone: microseconds since 1970 UTC.
    Instant(i64),
}

/// A reading that a zone's clocks skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("clocks in {zone} never showed {reading}")]
pub struct NeverShown {
    /// Which clocks.
    pub zone: Tz,
    /// What they did not show.
    pub reading: NaiveDateTime,
}

const FORMS: &str = "allowed: RFC 3339 as in 2026-11-21T08:15:00Z, YYYY-MM-DD, YYYY-MM-DDTHH:MM[:SS][Z], now, \
                     or relative as in -90m (units s, m, h, d, w)";

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::FromNow(0));
        }
        if let Some(sign) = match text.as_bytes().first() {
            Some(b'-') => Some(-1),
            Some(b'+') => Some(1),
            _ => None,
        } {
            let offset = relative(&text[1..]).ok_or(FORMS)?;
            return Ok(Self::FromNow(sign * offset));
        }
        let minute_with_zone = || DateTime::parse_from_str(&text.replace(['Z', 'z'], "+00:00"), "%Y-%m-%dT%H:%M%:z");
        let instant = DateTime::parse_from_rfc3339(text).or_else(|_| minute_with_zone());
        let instant = instant.map(|time| time.timestamp_micros());
        let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|d| d.and_time(NaiveTime::MIN));
        let minute = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M");
        let second = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
        instant
            .map(Self::Instant)
            .or_else(|_| date().or_else(|_| minute()).or_else(|_| second()).map(Self::Local))
            .map_err(|_| FORMS.to_owned())
    }
}

/// Microseconds of `90m`.
fn relative(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let count = &text[..text.len() - unit.len_utf8()];
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(count.parse::<i64>().ok()?.saturating_mul(seconds * 1_000_000))
}

impl Moment {
    /// The moment itself. What lies before 1970 or after 9999 is moved to that end: nothing is stored beyond it.
    ///
    /// # Errors
    /// A reading that the zone's clocks skipped. One they showed twice is the earlier.
    pub fn resolve(self, now: Micros, zone: Tz) -> Result<Micros, NeverShown> {
        let micros = match self {
            Self::Instant(micros) => micros,
            Self::FromNow(offset) => now.get().saturating_add(offset),
            Self::Local(reading) => match zone.from_local_datetime(&reading) {
                LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.timestamp_micros(),
                LocalResult::None => return Err(NeverShown { zone, reading }),
            },
        };
        Ok(Micros::MIN.saturating_add(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_248_900_123_456;

    fn resolve(text: &str, zone: Tz) -> i64 {
        let now = Micros::new(NOW).unwrap();
        text.parse::<Moment>().unwrap().resolve(now, zone).unwrap().get()
    }

    #[test]
    fn each_form_means_what_it_says() {
        assert_eq!(resolve("now", Tz::UTC), NOW);
        assert_eq!(resolve("-90m", Tz::UTC), NOW - 5_400_000_000);
        assert_eq!(resolve("-2w", Tz::UTC), NOW - 1_209_600_000_000);
        assert_eq!(resolve("+1s", Tz::UTC), NOW + 1_000_000);
        assert_eq!(resolve("1970-01-02", Tz::UTC), 86_400_000_000);
        assert_eq!(resolve("1970-01-01T00:01", Tz::UTC), 60_000_000);
        assert_eq!(resolve("1970-01-01T00:00:01.5", Tz::UTC), 1_500_000);
        assert_eq!(resolve("1970-01-01T01:00:00+01:00", Tz::UTC), 0);
        assert_eq!(resolve("1970-01-01T01:00+01:00", Tz::Asia__Kolkata), 0);
        assert_eq!(resolve("1970-01-01T00:01Z", Tz::Asia__Kolkata), 60_000_000);
    }

    #[test]
    fn a_zone_counts_for_times_that_name_none() {
        assert_eq!(resolve("1970-01-01T01:00", Tz::Europe__Berlin), 0);
        assert_eq!(resolve("1970-01-01T01:00:00Z", Tz::Europe__Berlin), 3_600_000_000);
    }

    #[test]
    fn a_skipped_reading_is_refused_and_a_repeated_one_is_the_earlier() {
        let skipped: Moment = "2026-03-29T02:30".parse().unwrap();
        assert!(skipped.resolve(Micros::MAX, Tz::Europe__Berlin).is_err());
        let twice = resolve("2026-10-25T02:30", Tz::Europe__Berlin);
        assert_eq!(twice, resolve("2026-10-25T00:30:00Z", Tz::UTC));
    }

    #[test]
    fn what_is_far_away_stays_in_bounds() {
        assert_eq!(resolve("-9000000000d", Tz::UTC), 0);
        assert_eq!(resolve("1969-01-01", Tz::UTC), 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "-", "-90", "-m", "-9 m", "--to", "yesterday", "2026-13-01", "-9é", "- 1h", "-+1h"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
