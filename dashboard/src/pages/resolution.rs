//! The resolution of a chart: as fine as can be drawn, and asked for.
//!
//! What must hold: no series has more than about [`POINTS`] points, save by days, the widest there is; what is drawn is
//! said.

use schema::Micros;
use views::Every;

use super::address::Range;
use super::reading::grouped;

/// Points of a series.
pub(super) const POINTS: u64 = 2_000;

const ALL: [Every; 4] = [Every::Minute, Every::FiveMinutes, Every::Hour, Every::Day];

/// Which buckets are drawn, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    pub(super) every: Every,
    /// In words: what a point is, and how many there can be.
    pub(super) said: String,
    /// Those that could be drawn.
    pub(super) possible: Vec<Every>,
}

/// Chooses for `range`, where `wanted` was asked for.
pub(super) fn choose(range: Range, wanted: Option<Every>) -> Resolution {
    let drawable = |every: &Every| buckets(range, *every) <= POINTS;
    let finest = ALL.into_iter().find(drawable).unwrap_or(Every::Day);
    let every = wanted.map_or(finest, |wanted| if wanted.minutes() < finest.minutes() { finest } else { wanted });
    let mut said = format!("a point each {}, {} at most", words(every), grouped(buckets(range, every)));
    if let Some(finer) = wanted.filter(|wanted| *wanted != every) {
        said.push_str(&format!("; each {} would be {}", words(finer), grouped(buckets(range, finer))));
    }
    let possible = ALL.into_iter().filter(|every| every.minutes() >= finest.minutes()).collect();
    Resolution { every, said, possible }
}

/// Buckets that touch the range.
fn buckets(range: Range, every: Every) -> u64 {
    let width = i64::from(every.minutes()) * 60_000_000;
    let bucket = |time: Micros| time.get().div_euclid(width);
    (bucket(range.to.saturating_add(-1)) - bucket(range.from) + 1).unsigned_abs()
}

/// `minute`, `5 minutes`, `hour`, `day`.
pub(super) fn words(every: Every) -> &'static str {
    match every {
        Every::Minute => "minute",
        Every::FiveMinutes => "5 minutes",
        Every::Hour => "hour",
        Every::Day => "day",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn chosen(minutes: i64, wanted: Option<Every>) -> Resolution {
        let time = |minutes: i64| Micros::new(minutes * MINUTE).unwrap();
        choose(Range { from: time(1_440_000), to: time(1_440_000 + minutes), moving: false }, wanted)
    }

    #[test]
    fn it_is_the_finest_that_can_be_drawn() {
        for (minutes, every) in [
            (1, Every::Minute),
            (1_440, Every::Minute),
            (2_000, Every::Minute),
            (2_001, Every::FiveMinutes),
            (10_000, Every::FiveMinutes),
            (10_001, Every::Hour),
            (120_000, Every::Hour),
            (525_600, Every::Day),
            (50 * 525_600, Every::Day),
        ] {
            assert_eq!(chosen(minutes, None).every, every, "{minutes}");
        }
    }

    #[test]
    fn wider_may_be_asked_for_and_finer_is_said_to_be_too_much() {
        assert_eq!(chosen(60, Some(Every::Hour)).every, Every::Hour);
        let day = chosen(10_080, Some(Every::Minute));
        assert_eq!(day.every, Every::Hour);
        assert_eq!(day.said, "a point each hour, 168 at most; each minute would be 10\u{202f}080");
        assert_eq!(day.possible, [Every::Hour, Every::Day]);
    }

    #[test]
    fn a_range_that_begins_within_a_bucket_has_that_one_too() {
        let time = |micros: i64| Micros::new(micros).unwrap();
        let range = Range { from: time(30_000_000), to: time(90_000_000), moving: false };
        assert_eq!(buckets(range, Every::Minute), 2);
    }
}
