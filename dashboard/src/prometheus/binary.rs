//! Binary operators: between scalars, a scalar and a vector, and two vectors one to one.
//!
//! What must hold: as in Prometheus, arithmetic drops names, a comparison filters its left vector unless it is to say
//! 0 or 1, and at no step do two series of one side match the same of the other.

use std::collections::BTreeMap;

use super::expression::{Arithmetic, Comparison, Operator};
use super::failure::Failure;
use super::labels::{Grouping, Labels, NAME};
use super::vector::{Series, Value, joined};
use super::window::Points;

type Result<T> = std::result::Result<T, Failure>;

/// Applies `operator`; vectors are matched by what is left of their labels after `matching`.
///
/// # Errors
/// Series that match more than one; labels that become the same.
pub(super) fn binary(operator: Operator, matching: &Grouping, left: Value, right: Value) -> Result<Value> {
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            Value::Scalar(left.into_iter().zip(right).map(|(left, right)| operator.number(left, right)).collect())
        }
        (Value::Vector(series), Value::Scalar(numbers)) => {
            Value::Vector(with_scalar(operator, series, |step, value| operator.of(value, numbers[step], value))?)
        }
        (Value::Scalar(numbers), Value::Vector(series)) => {
            Value::Vector(with_scalar(operator, series, |step, value| operator.of(numbers[step], value, value))?)
        }
        (Value::Vector(left), Value::Vector(right)) => Value::Vector(one_to_one(operator, matching, left, &right)?),
    })
}

impl Operator {
    /// What it says of two numbers, a comparison with 0 or 1.
    fn number(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Arithmetic(arithmetic) => arithmetic.of(left, right),
            Self::Comparison { comparison, .. } => f64::from(u8::from(comparison.holds(left, right))),
        }
    }

    /// What it says, with `kept` where it is a filter that lets through.
    fn of(self, left: f64, right: f64, kept: f64) -> Option<f64> {
        match self {
            Self::Comparison { comparison, as_number: false } => comparison.holds(left, right).then_some(kept),
            _ => Some(self.number(left, right)),
        }
    }

    fn drops_name(self) -> bool {
        !matches!(self, Self::Comparison { as_number: false, .. })
    }
}

impl Arithmetic {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Modulo => left % right,
            Self::Power => left.powf(right),
        }
    }
}

impl Comparison {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Greater => left > right,
            Self::Less => left < right,
            Self::AtLeast => left >= right,
            Self::AtMost => left <= right,
        }
    }
}

fn with_scalar(operator: Operator, series: Vec<Series>, of: impl Fn(usize, f64) -> Option<f64>) -> Result<Vec<Series>> {
    let applied = series.into_iter().map(|one| {
        let points = one.points.into_iter().enumerate();
        let points = points.map(|(step, point)| point.and_then(|value| of(step, value))).collect();
        let labels = if operator.drops_name() { one.labels.nameless() } else { one.labels };
        Series { labels, points }
    });
    joined(applied.collect())
}

fn one_to_one(operator: Operator, matching: &Grouping, left: Vec<Series>, right: &[Series]) -> Result<Vec<Series>> {
    let steps = left.first().map_or(0, |one| one.points.len());
    let right = by_match(matching, right, "right")?;
    // A series that has nothing on the right matches nothing, and may share its labels with others.
    let left: Vec<Series> = left.into_iter().filter(|one| right.contains_key(&matching.of(&one.labels))).collect();
    let mut taken: BTreeMap<Labels, Vec<bool>> = BTreeMap::new();
    let mut applied = Vec::with_capacity(left.len());
    for one in left {
        let matched = matching.of(&one.labels);
        let Some(others) = right.get(&matched) else { continue };
        let taken = taken.entry(matched.clone()).or_insert_with(|| vec![false; steps]);
        let mut points = Vec::with_capacity(steps);
        for (step, (left, right)) in one.points.iter().zip(others).enumerate() {
            let (Some(left), Some(right)) = (left, right) else {
                points.push(None);
                continue;
            };
            let point = operator.of(*left, *right, *left);
            if point.is_some() && std::mem::replace(&mut taken[step], true) {
                return Err(ambiguous(&matched, "left"));
            }
            points.push(point);
        }
        applied.push(Series { labels: told(operator, matching, &one.labels), points });
    }
    joined(applied)
}

/// The points of one side by what they are matched by.
fn by_match(matching: &Grouping, side: &[Series], which: &str) -> Result<BTreeMap<Labels, Points>> {
    let mut matched: BTreeMap<Labels, Points> = BTreeMap::new();
    for one in side {
        let labels = matching.of(&one.labels);
        let Some(known) = matched.get_mut(&labels) else {
            matched.insert(labels, one.points.clone());
            continue;
        };
        for (known, more) in known.iter_mut().zip(&one.points) {
            if known.is_some() && more.is_some() {
                return Err(ambiguous(&labels, which));
            }
            *known = known.or(*more);
        }
    }
    Ok(matched)
}

/// The labels of what comes out: the left side's, of which `on` keeps its own and `ignoring` drops its own.
fn told(operator: Operator, matching: &Grouping, left: &Labels) -> Labels {
    let kept = if operator.drops_name() { left.nameless() } else { left.clone() };
    match matching {
        Grouping::By(_) => matching.of(&kept),
        Grouping::Without(listed) => {
            let name = kept.name.clone().filter(|_| !listed.iter().any(|label| label == NAME));
            Labels { name, ..matching.of(&kept) }
        }
    }
}

fn ambiguous(labels: &Labels, side: &str) -> Failure {
    Failure::execution(format!(
        "found duplicate series for the match group {labels} on the {side} hand-side of the operation: many-to-many and \
         many-to-one matching are not supported: match by all labels that differ, or aggregate first"
    ))
}

/// What an operator says of two numbers; none where it filters out.
#[cfg(test)]
pub(super) fn test_operator(operator: Operator, left: f64, right: f64) -> Option<f64> {
    operator.of(left, right, left)
}
