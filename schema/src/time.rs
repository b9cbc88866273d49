//! Instants, minutes, days and months, all UTC.
//!
//! Owns: the time nouns and their text. Enters: counts and text. Leaves: values
//! that lie between 1970 and the end of 9999. What must hold: minute, date and
//! month of an instant are its floors, and every text parses back to its value.
//!
//! In JSON an instant and a minute are numbers, a day and a month their text.

use crate::calendar::{civil_from_days, days_from_civil};
use crate::error::serde_as_text;
use crate::{Error, digits, rfc3339};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const MICROS_PER_MINUTE: i64 = 60_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;
const MINUTES_PER_DAY: u32 = 1440;
/// 9999-12-31T23:59:59.999999Z.
const LAST_MICRO: i64 = 253_402_300_799_999_999;
const LAST_DAY: u32 = 2_932_896;

/// Microseconds since 1970-01-01T00:00:00Z, up to the end of 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Micros(i64);

impl Micros {
    /// The first instant, 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// The last instant, 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(LAST_MICRO);

    /// An instant; `None` before 1970 or after 9999.
    pub const fn new(micros: i64) -> Option<Self> {
        if micros >= 0 && micros <= LAST_MICRO { Some(Self(micros)) } else { None }
    }

    /// Appends it as it displays: `2026-11-21T08:15:00.123456Z`.
    pub fn write(self, out: &mut Vec<u8>) {
        let (year, month, day) = self.date().civil();
        let in_day = self.0 % MICROS_PER_DAY;
        let (seconds, micros) = ((in_day / 1_000_000) as u32, (in_day % 1_000_000) as u32);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits::four(&mut text, 0, year);
        digits::two(&mut text, 5, month);
        digits::two(&mut text, 8, day);
        digits::two(&mut text, 11, seconds / 3600);
        digits::two(&mut text, 14, seconds / 60 % 60);
        digits::two(&mut text, 17, seconds % 60);
        digits::six(&mut text, 20, micros);
        out.extend_from_slice(&text);
    }

    /// The count of microseconds.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The minute that holds it.
    pub const fn minute(self) -> Minute {
        Minute((self.0 / MICROS_PER_MINUTE) as u32)
    }

    /// The UTC day that holds it.
    pub const fn date(self) -> Date {
        Date((self.0 / MICROS_PER_DAY) as u32)
    }

    /// Later by that many microseconds (earlier when negative), held within the range.
    pub fn saturating_add(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros).clamp(0, LAST_MICRO))
    }
}

impl TryFrom<i64> for Micros {
    type Error = Error;
    fn try_from(micros: i64) -> Result<Self, Error> {
        Self::new(micros)
            .ok_or_else(|| Error::invalid("time", &micros.to_string(), "microseconds between 1970 and 9999"))
    }
}

impl From<Micros> for i64 {
    fn from(micros: Micros) -> Self {
        micros.0
    }
}

impl FromStr for Micros {
    type Err = Error;

    /// Reads RFC 3339, with any offset; rounds down to the microsecond.
    fn from_str(text: &str) -> Result<Self, Error> {
        rfc3339::parse(text.as_bytes())
            .ok_or_else(|| Error::invalid("time", text, "an RFC 3339 time between 1970 and 9999"))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_day = self.0 % MICROS_PER_DAY;
        let (seconds, micros) = (in_day / 1_000_000, in_day % 1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z", self.date())
    }
}

/// Minutes since 1970-01-01T00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Minute(u32);

impl Minute {
    /// The last minute of 9999.
    pub const MAX: Self = Self(LAST_DAY * MINUTES_PER_DAY + MINUTES_PER_DAY - 1);

    /// A minute; `None` after 9999.
    pub const fn new(minutes: u32) -> Option<Self> {
        if minutes <= Self::MAX.0 { Some(Self(minutes)) } else { None }
    }

    /// The count of minutes.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Its first instant.
    pub const fn start(self) -> Micros {
        Micros(self.0 as i64 * MICROS_PER_MINUTE)
    }

    /// The UTC day that holds it.
    pub const fn date(self) -> Date {
        Date(self.0 / MINUTES_PER_DAY)
    }
}

impl TryFrom<u32> for Minute {
    type Error = Error;
    fn try_from(minutes: u32) -> Result<Self, Error> {
        Self::new(minutes)
            .ok_or_else(|| Error::invalid("minute", &minutes.to_string(), "minutes between 1970 and 9999"))
    }
}

impl From<Minute> for u32 {
    fn from(minute: Minute) -> Self {
        minute.0
    }
}

/// A UTC day, counted from 1970-01-01; its text is `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(u32);

impl Date {
    /// The day that many days after 1970-01-01; `None` after 9999.
    pub const fn new(days: u32) -> Option<Self> {
        if days <= LAST_DAY { Some(Self(days)) } else { None }
    }

    /// A calendar day; `None` where there is none, before 1970 or after 9999.
    pub fn from_civil(year: u32, month: u32, day: u32) -> Option<Self> {
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let date = Self(days(year, month, day));
        (date.civil() == (year, month, day)).then_some(date)
    }

    /// Days since 1970-01-01.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Year, month (1-12) and day (1-31).
    pub const fn civil(self) -> (u32, u32, u32) {
        let (year, month, day) = civil_from_days(self.0 as i64);
        (year as u32, month, day)
    }

    /// Its first instant.
    pub const fn start(self) -> Micros {
        Micros(self.0 as i64 * MICROS_PER_DAY)
    }

    /// Its first minute.
    pub const fn first_minute(self) -> Minute {
        Minute(self.0 * MINUTES_PER_DAY)
    }

    /// Its last minute.
    pub const fn last_minute(self) -> Minute {
        Minute(self.0 * MINUTES_PER_DAY + MINUTES_PER_DAY - 1)
    }

    /// The month that holds it.
    pub const fn month(self) -> Month {
        let (year, month, _) = self.civil();
        Month((year - 1970) * 12 + month - 1)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let rest = text.get(7..)?.strip_prefix('-')?;
            let (year, month) = year_and_month(text.get(..7)?)?;
            Self::from_civil(year, month, digits(rest, 2)?)
        };
        parse().ok_or_else(|| Error::invalid("date", text, "a day between 1970 and 9999, YYYY-MM-DD"))
    }
}

/// A UTC month, counted from 1970-01; its text is `YYYY-MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Month(u32);

impl Month {
    /// The month that many months after 1970-01; `None` after 9999.
    pub const fn new(months: u32) -> Option<Self> {
        if months < 8030 * 12 { Some(Self(months)) } else { None }
    }

    /// Months since 1970-01.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Year and month (1-12).
    pub const fn civil(self) -> (u32, u32) {
        (1970 + self.0 / 12, self.0 % 12 + 1)
    }

    /// Its first day.
    pub const fn first(self) -> Date {
        let (year, month) = self.civil();
        Date(days(year, month, 1))
    }

    /// Its last day.
    pub const fn last(self) -> Date {
        let (year, month) = Self(self.0 + 1).civil();
        Date(days(year, month, 1) - 1)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = self.civil();
        write!(f, "{year:04}-{month:02}")
    }
}

impl FromStr for Month {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let month = year_and_month(text).and_then(|(year, month)| Date::from_civil(year, month, 1));
        month.map(Date::month).ok_or_else(|| Error::invalid("month", text, "a month between 1970 and 9999, YYYY-MM"))
    }
}

serde_as_text!(Date, Month);

/// Days since 1970-01-01 of a day from 1970 on.
const fn days(year: u32, month: u32, day: u32) -> u32 {
    days_from_civil(year as i64, month, day) as u32
}

fn year_and_month(text: &str) -> Option<(u32, u32)> {
    let (year, month) = text.split_once('-')?;
    Some((digits(year, 4)?, digits(month, 2)?))
}

fn digits(text: &str, length: usize) -> Option<u32> {
    let all_digits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_parses_back_to_its_value(micros in 0..=LAST_MICRO) {
            let instant = Micros::new(micros).unwrap();
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
            let mut written = Vec::new();
            instant.write(&mut written);
            prop_assert_eq!(String::from_utf8(written), Ok(instant.to_string()));
            prop_assert_eq!(instant.date().to_string().parse(), Ok(instant.date()));
            prop_assert_eq!(instant.date().month().to_string().parse(), Ok(instant.date().month()));
        }

        #[test]
        fn minute_date_and_month_are_floors(micros in 0..=LAST_MICRO) {
            let instant = Micros::new(micros).unwrap();
            let (minute, date, month) = (instant.minute(), instant.date(), instant.date().month());
            prop_assert!(minute.start() <= instant && instant < minute.start().saturating_add(MICROS_PER_MINUTE) || instant == Micros::MAX);
            prop_assert_eq!(minute.date(), date);
            prop_assert!(date.first_minute() <= minute && minute <= date.last_minute());
            prop_assert!(month.first() <= date && date <= month.last());
        }
    }

    #[test]
    fn the_range_ends_with_the_year_9999() {
        assert_eq!(Micros::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Micros::new(LAST_MICRO + 1), None);
        assert_eq!(Micros::new(-1), None);
        assert_eq!(Micros::MAX.minute(), Minute::MAX);
        assert_eq!(Micros::MAX.date().month().last(), Micros::MAX.date());
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "1969-12-31",
            "2026-1-01",
            "+026-01-01",
            "2026-01-011",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!("2028-02-29".parse::<Date>().is_ok());
    }
}
