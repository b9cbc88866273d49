//! Vectors: series with a point at each step, where they have one.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::labels::Labels;
use super::window::Points;

/// A series over the steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) labels: Labels,
    /// One a step.
    pub(super) points: Points,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A number a step.
    Scalar(Vec<f64>),
    /// No two series with the same labels.
    Vector(Vec<Series>),
}

/// Series whose labels may have become the same, joined; their order is that of each one's first.
///
/// # Errors
/// Two with the same labels at the same step.
pub(super) fn joined(series: Vec<Series>) -> Result<Vec<Series>, Failure> {
    let mut places = BTreeMap::new();
    let mut joined: Vec<Series> = Vec::with_capacity(series.len());
    for one in series {
        let Some(place) = places.get(&one.labels) else {
            places.insert(one.labels.clone(), joined.len());
            joined.push(one);
            continue;
        };
        let known: &mut Series = &mut joined[*place];
        for (known, more) in known.points.iter_mut().zip(one.points) {
            if known.is_some() && more.is_some() {
                return Err(Failure::execution(format!(
                    "vector cannot contain metrics with the same labelset: {} stands for several series once the name \
                     is dropped: aggregate them, or select one name",
                    one.labels
                )));
            }
            *known = known.or(more);
        }
    }
    Ok(joined)
}
