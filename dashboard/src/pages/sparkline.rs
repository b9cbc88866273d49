//! Sparklines: small curves drawn here, as the path of an SVG picture, without axes or a script.
//!
//! Enters: a value a slot, or none, and the scale all curves of a column share. Leaves: path data in whole units, which
//! compress well. What must hold: a slot without a value is a gap, and one between two gaps a dot.

use std::fmt::Write;

/// Units between two slots.
pub(super) const STEP: i64 = 6;
/// Units from the bottom of the scale to its top.
pub(super) const HEIGHT: i64 = 16;

/// From the least value of a column to the greatest, 0 included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scale {
    least: i64,
    greatest: i64,
}

impl Scale {
    pub(super) fn of(values: impl Iterator<Item = i64>) -> Self {
        let wider =
            |scale: Self, value: i64| Self { least: scale.least.min(value), greatest: scale.greatest.max(value) };
        values.fold(Self::default(), wider)
    }

    /// Units down from the top.
    fn down(self, value: i64) -> i64 {
        let range = i128::from(self.greatest) - i128::from(self.least);
        if range == 0 {
            return HEIGHT;
        }
        let up = (i128::from(value) - i128::from(self.least)) * i128::from(HEIGHT) / range;
        HEIGHT - i64::try_from(up).unwrap_or(0)
    }
}

/// The curve through `values`.
pub(super) fn path(values: impl Iterator<Item = Option<i64>>, scale: Scale) -> String {
    let (mut path, mut before): (String, Option<i64>) = (String::new(), None);
    let mut alone = false;
    for (slot, value) in (0..).zip(values) {
        let down = value.map(|value| scale.down(value));
        match (before, down) {
            (Some(from), Some(to)) => {
                let _ = write!(path, "l{STEP} {}", to - from);
                alone = false;
            }
            (None, Some(to)) => {
                let _ = write!(path, "M{} {to}", slot * STEP);
                alone = true;
            }
            (Some(_), None) if alone => path.push_str("h0"),
            _ => {}
        }
        before = down;
    }
    if before.is_some() && alone {
        path.push_str("h0");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_gaps_and_dots() {
        let scale = Scale::of([0, 100].into_iter());
        let drawn = path([Some(0), Some(100), None, Some(50), None, Some(25), Some(25)].into_iter(), scale);
        assert_eq!(drawn, "M0 16l6 -16M18 8h0M30 12l6 0");
        assert_eq!(path([Some(0), None].into_iter(), scale), "M0 16h0");
        assert_eq!(path([None, None].into_iter(), scale), "");
    }

    #[test]
    fn a_scale_begins_at_nought_and_holds_the_extremes() {
        let scale = Scale::of([i64::MAX, -i64::MAX, 3].into_iter());
        assert_eq!((scale.down(i64::MAX), scale.down(-i64::MAX), scale.down(0)), (0, HEIGHT, HEIGHT / 2));
        assert_eq!(Scale::of([].into_iter()).down(0), HEIGHT);
    }
}
