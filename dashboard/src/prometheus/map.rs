//! Functions of each value by itself.

use super::failure::Failure;
use super::vector::{Series, joined};

/// Each point by `function`, given its step; names are dropped, as the values are no longer what they name.
///
/// # Errors
/// If labels become the same.
pub(super) fn map(series: Vec<Series>, function: impl Fn(usize, f64) -> Option<f64>) -> Result<Vec<Series>, Failure> {
    let mapped = series.into_iter().map(|one| {
        let points = one.points.into_iter().enumerate();
        let points = points.map(|(step, point)| point.and_then(|value| function(step, value))).collect();
        Series { labels: one.labels.nameless(), points }
    });
    joined(mapped.collect())
}
