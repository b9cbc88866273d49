//! A message's time, rendered: kept while the second stays the same.
//!
//! In: a time. Out: its digits in every spelling that a layout uses. Must hold: seconds have ten digits, so times
//! lie in [`FIRST`], [`LAST`].

use super::template::PAIRS;

/// 2001-09-09T01:46:40Z, the first time whose seconds have ten digits.
pub(super) const FIRST: i64 = 1_000_000_000_000_000;
/// 2286-11-20T17:46:39.999999Z, the last.
pub(super) const LAST: i64 = 9_999_999_999_999_999;

/// The digits of one time.
#[derive(Clone, Debug)]
pub(super) struct Rendered {
    /// Whole seconds since 1970.
    pub(super) seconds: [u8; 10],
    /// Milliseconds within the second.
    pub(super) millis: [u8; 3],
    /// `2025-11-21T09:00:00`, UTC.
    pub(super) date: [u8; 19],
}

/// Renders times that mostly share their second with the one before.
#[derive(Clone, Debug)]
pub(super) struct Face {
    second: u64,
    rendered: Rendered,
}

impl Face {
    pub(super) fn new() -> Self {
        let rendered = Rendered { seconds: [b'0'; 10], millis: [b'0'; 3], date: [b'0'; 19] };
        Self { second: u64::MAX, rendered }
    }

    /// The digits of `micros`, which lies in [`FIRST`], [`LAST`].
    #[inline]
    pub(super) fn show(&mut self, micros: u64) -> &Rendered {
        let second = micros / 1_000_000;
        if second != self.second {
            self.turn(second);
        }
        let millis = (micros / 1_000 % 1_000) as usize;
        let low = PAIRS[millis % 100];
        self.rendered.millis = [b'0' + (millis / 100) as u8, low[0], low[1]];
        &self.rendered
    }

    fn turn(&mut self, second: u64) {
        self.second = second;
        let mut rest = second;
        for pair in self.rendered.seconds.rchunks_exact_mut(2) {
            pair.copy_from_slice(&PAIRS[(rest % 100) as usize]);
            rest /= 100;
        }
        let (year, month, day) = civil(second / 86_400);
        let pair = |value: u64| PAIRS[(value % 100) as usize];
        let [y, z, m, d] = [pair(year / 100), pair(year), pair(month), pair(day)];
        let [h, n, s] = [pair(second / 3_600 % 24), pair(second / 60 % 60), pair(second % 60)];
        self.rendered.date = [
            y[0], y[1], z[0], z[1], b'-', m[0], m[1], b'-', d[0], d[1], b'T', h[0], h[1], b':', n[0], n[1], b':', s[0],
            s[1],
        ];
    }
}

/// Year, month and day of `days` since 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_the_same_in_every_spelling() {
        let mut face = Face::new();
        let shown = face.show(1_763_715_600_123_456);
        assert_eq!(&shown.seconds, b"1763715600");
        assert_eq!(&shown.millis, b"123");
        assert_eq!(&shown.date, b"2025-11-21T09:00:00");
        assert_eq!(&face.show(1_709_210_096_000_000).date, b"2024-02-29T12:34:56");
        assert_eq!(&face.show(LAST as u64).date, b"2286-11-20T17:46:39");
        assert_eq!(&face.show(FIRST as u64).date, b"2001-09-09T01:46:40");
    }
}
