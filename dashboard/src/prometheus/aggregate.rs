//! Aggregations: several series into one, or the first of several, within each group.
//!
//! What must hold: a group has a point at a step where any of its series has one; NaN is a value, less than any other
//! where values are ordered, as in Prometheus.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::expression::{Aggregation, Node};
use super::failure::Failure;
use super::labels::{Grouping, Labels};
use super::vector::Series;
use super::window::{exact_sum, quantile};

type Result<T> = std::result::Result<T, Failure>;

impl Aggregation {
    /// Its parameter, if it has one.
    pub(super) fn parameter(&self) -> Option<&Node> {
        match self {
            Self::Quantile(parameter) | Self::Top(parameter) | Self::Bottom(parameter) => Some(parameter),
            Self::Average | Self::Sum | Self::Least | Self::Greatest | Self::Count => None,
        }
    }
}

/// Aggregates each group of `series`; `parameter` has a number a step where the aggregation has one.
///
/// # Errors
/// A number of series that is none.
pub(super) fn aggregate(
    aggregation: &Aggregation,
    grouping: &Grouping,
    parameter: Option<&[f64]>,
    series: Vec<Series>,
) -> Result<Vec<Series>> {
    let parameter = parameter.unwrap_or_default();
    let mut groups: BTreeMap<Labels, Vec<Series>> = BTreeMap::new();
    for one in series {
        groups.entry(grouping.of(&one.labels)).or_default().push(one);
    }
    let groups = groups.into_iter();
    let lists: Result<Vec<Vec<Series>>> = match aggregation {
        Aggregation::Top(_) => groups.map(|(_, group)| first(group, parameter, |a, b| value_order(b, a))).collect(),
        Aggregation::Bottom(_) => groups.map(|(_, group)| first(group, parameter, value_order)).collect(),
        _ => return Ok(groups.map(|(labels, group)| folded(aggregation, parameter, labels, &group)).collect()),
    };
    Ok(lists?.into_iter().flatten().collect())
}

fn folded(aggregation: &Aggregation, parameter: &[f64], labels: Labels, group: &[Series]) -> Series {
    let steps = group.first().map_or(0, |one| one.points.len());
    let mut values = Vec::with_capacity(group.len());
    let point = |step: usize| {
        values.clear();
        values.extend(group.iter().filter_map(|one| one.points[step]));
        (!values.is_empty()).then(|| fold(aggregation, parameter.get(step).copied(), &mut values))
    };
    Series { labels, points: (0..steps).map(point).collect() }
}

/// Values, of which there is at least one, into one.
fn fold(aggregation: &Aggregation, parameter: Option<f64>, values: &mut [f64]) -> f64 {
    match aggregation {
        Aggregation::Sum => sum(values),
        Aggregation::Average => sum(values) / values.len() as f64,
        // These pass over NaN, unless there is nothing else.
        Aggregation::Least => values.iter().copied().fold(f64::NAN, f64::min),
        Aggregation::Greatest => values.iter().copied().fold(f64::NAN, f64::max),
        Aggregation::Count => values.len() as f64,
        Aggregation::Quantile(_) | Aggregation::Top(_) | Aggregation::Bottom(_) => {
            values.sort_by(|one, other| ordered(*one, *other, f64::total_cmp, Ordering::Less));
            quantile(values, parameter.unwrap_or(f64::NAN))
        }
    }
}

/// The sum, what each addition loses added at the end (Neumaier 1974).
fn sum(values: &[f64]) -> f64 {
    let (mut total, mut lost) = (0.0, 0.0);
    for value in values {
        let (sum, missing) = exact_sum(total, *value);
        (total, lost) = (sum, lost + missing);
    }
    // What is beyond any double, or none, has lost nothing that could be told.
    if total.is_finite() && lost.is_finite() { total + lost } else { values.iter().sum() }
}

/// The order of numbers, in which zeros of either sign are the same.
fn value_order(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or(Ordering::Equal)
}

/// NaN where `unknown` says, the others as `order` says.
fn ordered(one: f64, other: f64, order: impl Fn(&f64, &f64) -> Ordering, unknown: Ordering) -> Ordering {
    match (one.is_nan(), other.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => unknown,
        (false, true) => unknown.reverse(),
        (false, false) => order(&one, &other),
    }
}

/// Of each step the first few by `order`, NaN last; the series keep their labels. Where there is one step alone, they
/// stand in that order.
fn first(mut group: Vec<Series>, few: &[f64], order: impl Fn(f64, f64) -> Ordering) -> Result<Vec<Series>> {
    let steps = group.first().map_or(0, |one| one.points.len());
    let order = |one: &f64, other: &f64| order(*one, *other);
    for step in 0..steps {
        let few = count(few.get(step).copied())?;
        let mut there: Vec<(f64, usize)> =
            group.iter().enumerate().filter_map(|(place, one)| Some((one.points[step]?, place))).collect();
        // Ties are decided by the labels' order, in which the series come.
        there.sort_by(|(one, _), (other, _)| ordered(*one, *other, order, Ordering::Greater));
        for (_, place) in there.iter().skip(few) {
            group[*place].points[step] = None;
        }
        if steps == 1 {
            return Ok(there.iter().take(few).map(|(_, place)| group[*place].clone()).collect());
        }
    }
    group.retain(|one| one.points.iter().any(Option::is_some));
    Ok(group)
}

/// How many series are wanted.
fn count(number: Option<f64>) -> Result<usize> {
    match number {
        // A cast holds what is negative or too large at the ends.
        Some(number) if !number.is_nan() => Ok(number as usize),
        _ => Err(Failure::execution("the number of series that topk or bottomk is to keep is not a number")),
    }
}
