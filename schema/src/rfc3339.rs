//! RFC 3339 times, read exactly.
//!
//! `YYYY-MM-DDThh:mm:ss[.digits](Z|+hh:mm|-hh:mm)`; `t`, `z` and a space for the `T` are allowed, as the RFC does.
//! Fractions of any length round down to the microsecond. A leap second (`:60`) is read only where one can be, at
//! the end of a UTC day, and is the second that follows.

use crate::Micros;
use crate::calendar::{days_from_civil, days_in_month};

const DAY: i64 = 86_400;

/// The time that this whole text denotes; `None` if it is no RFC 3339 time or lies outside 1970 to 9999.
pub(crate) fn parse(text: &[u8]) -> Option<Micros> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let (clock, rest) = rest.split_first_chunk::<9>()?;
    let [b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = *clock else { return None };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    let (micros, zone) = fraction(rest)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = full_date(date)? * DAY + hour * 3600 + minute * 60 + second - offset(zone)?;
    if second == 60 && seconds % DAY != 0 {
        return None;
    }
    Micros::new(seconds.checked_mul(1_000_000)? + micros)
}

/// `YYYY-MM-DD` as days since 1970-01-01, negative before; `None` if there is no such day.
pub(crate) fn full_date(text: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)? as u32, two(d1, d2)? as u32);
    (1 <= day && day <= days_in_month(year, month)).then(|| days_from_civil(year, month, day))
}

/// The fraction's microseconds, rounded down, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, zone) = digits.split_at(length);
    let micros = (0..6).fold(0, |sum, i| sum * 10 + digits.get(i).map_or(0, |digit| i64::from(digit - b'0')));
    Some((micros, zone))
}

/// Seconds that the zone is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, h1, h2, m1, m2) = match *zone {
        [b'Z' | b'z'] => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, h1, h2, m1, m2),
        [b'-', h1, h2, b':', m1, m2] => (-1, h1, h2, m1, m2),
        _ => return None,
    };
    let (hour, minute) = (two(h1, h2)?, two(m1, m2)?);
    (hour <= 23 && minute <= 59).then_some(sign * (hour * 3600 + minute * 60))
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<i64> {
        parse(text.as_bytes()).map(Micros::get)
    }

    #[test]
    fn offsets_fractions_and_lower_case_are_read() {
        let expected = Some(1_763_715_600_123_456);
        for text in [
            "2025-11-21T09:00:00.123456Z",
            "2025-11-21t09:00:00.123456z",
            "2025-11-21 09:00:00.1234569999999999999999999Z",
            "2025-11-21T10:30:00.123456+01:30",
            "2025-11-20T23:00:00.123456-10:00",
            "2025-11-21T09:00:00.123456-00:00",
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
        assert_eq!(micros("1970-01-01T00:00:00.5Z"), Some(500_000));
    }

    #[test]
    fn a_leap_second_is_the_second_that_follows_and_only_at_the_end_of_a_utc_day() {
        assert_eq!(micros("2016-12-31T23:59:60.25Z"), micros("2017-01-01T00:00:00.25Z"));
        assert_eq!(micros("2017-01-01T00:59:60+01:00"), micros("2017-01-01T00:00:00Z"));
        assert_eq!(micros("2016-12-31T22:59:60Z"), None);
        assert_eq!(micros("9999-12-31T23:59:60Z"), None);
    }

    #[test]
    fn what_is_no_time_or_outside_the_calendar_is_refused() {
        for text in [
            "",
            "now",
            "2025-11-21",
            "2025-11-21T09:00:00",
            "2025-11-21T09:00Z",
            "2025-11-21T09:00:00.Z",
            "2025-02-30T09:00:00Z",
            "2025-11-21T24:00:00Z",
            "2025-11-21T09:60:00Z",
            "2025-11-21T09:00:61Z",
            "2025-11-21T09:00:00+24:00",
            "2025-11-21T09:00:00+0100",
            "2025-11-21T09:00:00Z ",
            "2025-11-21T9:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00Z",
            "-025-11-21T09:00:00Z",
            "2025-11-21T09:00:00,5Z",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
