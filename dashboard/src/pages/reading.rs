//! How times and numbers read on a page: by one zone's clocks, and as short as they stay exact enough to compare.

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;
use schema::{Fixed, Micros, nearest_f64};

const SECOND: i64 = 1_000_000;

/// Whose clocks, and what they show now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub(super) zone: Tz,
    pub(super) now: Micros,
}

impl Clocks {
    /// `08:15:03`; of another day `2026-11-20 08:15:03`.
    pub(super) fn second(&self, time: Micros) -> String {
        self.form(time, "%H:%M:%S", "%Y-%m-%d %H:%M:%S")
    }

    /// `2026-11-20 08:15:03`, whichever day.
    pub(super) fn dated(&self, time: Micros) -> String {
        self.form(time, "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S")
    }

    /// Whether it is of the day that it is now.
    pub(super) fn is_today(&self, time: Micros) -> bool {
        let (time, now) = (self.shown(time), self.shown(self.now));
        (time.year(), time.ordinal()) == (now.year(), now.ordinal())
    }

    /// `08:15`; of another day `2026-11-20 08:15`.
    pub(super) fn minute(&self, time: Micros) -> String {
        self.form(time, "%H:%M", "%Y-%m-%d %H:%M")
    }

    /// `2026-11-20 08:15:03.123456`.
    pub(super) fn exact(&self, time: Micros) -> String {
        self.form(time, "%Y-%m-%d %H:%M:%S%.6f", "%Y-%m-%d %H:%M:%S%.6f")
    }

    /// As a picker has it: `2026-11-20T08:15`.
    pub(super) fn picked(&self, time: Micros) -> String {
        self.form(time, "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M")
    }

    /// `UTC`, or `Europe/Berlin`.
    pub(super) fn name(&self) -> &'static str {
        self.zone.name()
    }

    /// How long ago: `now`, `12 s`, `3 min`, `5 h`, `9 d`.
    pub(super) fn age(&self, time: Micros) -> String {
        let seconds = (self.now.get() - time.get()) / SECOND;
        match seconds {
            ..1 => "now".to_owned(),
            1..120 => format!("{seconds} s"),
            120..7_200 => format!("{} min", seconds / 60),
            7_200..172_800 => format!("{} h", seconds / 3_600),
            _ => format!("{} d", grouped((seconds / 86_400).unsigned_abs())),
        }
    }

    fn form(&self, time: Micros, today: &str, other: &str) -> String {
        self.shown(time).format(if self.is_today(time) { today } else { other }).to_string()
    }

    fn shown(&self, time: Micros) -> DateTime<Tz> {
        DateTime::from_timestamp_micros(time.get()).unwrap_or_default().with_timezone(&self.zone)
    }
}

/// `1,234,567`, with thin spaces: a comma is a decimal point to many.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A metric's value, of so many millionths, with three decimals below a hundred and one above.
pub(super) fn value(millionths: i128) -> String {
    let value = nearest_f64(millionths);
    if value.abs() < 100.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

/// The same, to the last digit there is.
pub(super) fn exact_value(millionths: i128) -> String {
    Fixed(millionths).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_by_the_clocks_of_the_zone() {
        let now: Micros = "2026-11-21T23:30:00Z".parse().unwrap();
        let time = "2026-11-21T22:15:03.5Z".parse().unwrap();
        let utc = Clocks { zone: Tz::UTC, now };
        assert_eq!((utc.second(time), utc.minute(time)), ("22:15:03".to_owned(), "22:15".to_owned()));
        assert_eq!((utc.picked(time), utc.age(time)), ("2026-11-21T22:15".to_owned(), "74 min".to_owned()));
        let kolkata = Clocks { zone: Tz::Asia__Kolkata, now };
        assert_eq!(kolkata.second(time), "03:45:03");
        let berlin = Clocks { zone: Tz::Europe__Berlin, now };
        assert_eq!(berlin.second(time), "2026-11-21 23:15:03");
        assert_eq!(berlin.exact(time), "2026-11-21 23:15:03.500000");
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([430_000, -2_000, 99_999_999, 123_456_789].map(value), ["0.430", "-0.002", "100.000", "123.5"]);
    }
}
