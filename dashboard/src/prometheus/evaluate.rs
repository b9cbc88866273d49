//! Evaluation: an expression over samples, at all steps at once.
//!
//! Enters: a plan, the samples that its selectors need, the steps. Leaves: a scalar or a vector, a point a step. What
//! must hold: at each step it is what Prometheus would say of that step alone. Each node is computed once for all steps,
//! so labels are matched once and windows only move forward.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use super::aggregate::aggregate;
use super::binary::binary;
use super::expression::{Fold, Map, Node, Plan};
use super::failure::Failure;
use super::labels::Labels;
use super::map::map;
use super::samples::{Columns, Samples};
use super::selector::Selector;
use super::steps::Steps;
use super::vector::{Series, Value, joined};
use super::window::{self, Points, windows};

/// Points that the selectors of an expression may have together: nothing that is made of them has more.
const POINTS: usize = 2_000_000;
/// Samples that may be looked at where each window is looked at by itself.
const LOOKS: usize = 50_000_000;

type Result<T> = std::result::Result<T, Failure>;

/// Evaluates `plan`.
///
/// # Errors
/// What Prometheus refuses too: operands that match no one to one, labels that become the same. More points than are
/// allowed.
pub(super) fn evaluate(plan: &Plan, samples: &Samples, steps: &Steps) -> Result<Value> {
    Evaluation { selectors: &plan.selectors, samples, steps, points: Cell::new(0), looks: Cell::new(0) }
        .value(&plan.node)
}

struct Evaluation<'a> {
    selectors: &'a [Selector],
    samples: &'a Samples,
    steps: &'a Steps,
    /// Used up so far.
    points: Cell<usize>,
    looks: Cell<usize>,
}

impl Evaluation<'_> {
    fn value(&self, node: &Node) -> Result<Value> {
        let seconds = || self.steps.times().into_iter().map(|time| time as f64 / 1000.0);
        Ok(match node {
            Node::Number(number) => Value::Scalar(vec![*number; self.steps.len()]),
            Node::Time => Value::Scalar(seconds().collect()),
            Node::Scalar(of) => Value::Scalar(only(&self.vector(of)?, self.steps.len())),
            Node::Vector(of) => Value::Vector(vec![Series {
                labels: Labels::default(),
                points: self.scalar(of)?.into_iter().map(Some).collect(),
            }]),
            Node::Instant(selector) => Value::Vector(self.instant(&self.selectors[*selector])?),
            Node::Window { fold, selector } => Value::Vector(self.window(fold, &self.selectors[*selector])?),
            Node::Negate(of) => match self.value(of)? {
                Value::Scalar(numbers) => Value::Scalar(numbers.into_iter().map(|number| -number).collect()),
                Value::Vector(series) => Value::Vector(map(series, |_, value| Some(-value))?),
            },
            Node::Map { function, of } => Value::Vector(self.map(function, of)?),
            Node::Binary { operator, matching, left, right } => {
                binary(*operator, matching, self.value(left)?, self.value(right)?)?
            }
            Node::Aggregate { aggregation, grouping, of } => {
                let parameter = aggregation.parameter().map(|parameter| self.scalar(parameter)).transpose()?;
                Value::Vector(aggregate(aggregation, grouping, parameter.as_deref(), self.vector(of)?)?)
            }
            Node::Sort { descending, of } => Value::Vector(sorted(*descending, self.vector(of)?)),
        })
    }

    fn scalar(&self, node: &Node) -> Result<Vec<f64>> {
        match self.value(node)? {
            Value::Scalar(numbers) => Ok(numbers),
            Value::Vector(_) => Err(Failure::bad_data("a vector stands where a scalar is needed: see scalar()")),
        }
    }

    fn vector(&self, node: &Node) -> Result<Vec<Series>> {
        match self.value(node)? {
            Value::Vector(series) => Ok(series),
            Value::Scalar(_) => Err(Failure::bad_data("a scalar stands where a vector is needed: see vector()")),
        }
    }

    fn instant(&self, selector: &Selector) -> Result<Vec<Series>> {
        self.selected(selector, false, window::newest)
    }

    fn window(&self, fold: &Fold, selector: &Selector) -> Result<Vec<Series>> {
        let series = match fold {
            Fold::Last => return self.instant(selector),
            Fold::Average => self.selected(selector, false, window::averages),
            Fold::Sum => self.selected(selector, false, window::sums),
            Fold::Least => self.selected(selector, false, window::least),
            Fold::Greatest => self.selected(selector, false, window::greatest),
            Fold::Count => self.selected(selector, false, |_, windows| window::counts(windows)),
            Fold::Quantile(phi) => {
                let phis = self.scalar(phi)?;
                self.selected(selector, true, |values, windows| window::quantiles(values, windows, &phis))
            }
        }?;
        joined(series.into_iter().map(|one| Series { labels: one.labels.nameless(), ..one }).collect())
    }

    /// The selected series, each window folded, `each` by itself or all in one pass; by name, then service.
    fn selected(
        &self,
        selector: &Selector,
        each: bool,
        fold: impl Fn(&[f64], &[Range<usize>]) -> Points,
    ) -> Result<Vec<Series>> {
        let names: Vec<(usize, &Arc<str>)> = self.samples.names.iter().map(|name| &name.text).enumerate().collect();
        let names: Vec<_> = names.into_iter().filter(|(_, name)| selector.wants_name(name)).collect();
        let services = self.samples.services.iter().filter(|(service, _)| selector.wants_service(service));
        let services: Vec<(&Arc<str>, &Columns)> = services.collect();
        bounded("points", &self.points, names.len() * services.len() * self.steps.len(), POINTS)?;
        let ends = selector.ends(self.steps);
        let mut series = Vec::with_capacity(names.len() * services.len());
        for (service, columns) in services {
            let windows = windows(&columns.times, &ends, selector.back());
            if each {
                let looks = windows.iter().map(ExactSizeIterator::len).sum::<usize>();
                bounded("samples", &self.looks, looks * names.len(), LOOKS)?;
            }
            for (place, name) in &names {
                let points = fold(&columns.values[*place], &windows);
                if points.iter().any(Option::is_some) {
                    let labels = Labels { name: Some(Arc::clone(name)), service: Some(Arc::clone(service)) };
                    series.push(Series { labels, points });
                }
            }
        }
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        Ok(series)
    }

    fn map(&self, function: &Map, of: &Node) -> Result<Vec<Series>> {
        let series = self.vector(of)?;
        match function {
            Map::Absolute => map(series, |_, value| Some(value.abs())),
            Map::Ceiling => map(series, |_, value| Some(value.ceil())),
            Map::Floor => map(series, |_, value| Some(value.floor())),
            Map::Round(to) => {
                let to = self.scalar(to)?;
                map(series, |step, value| {
                    let inverse = 1.0 / to[step];
                    Some((value * inverse + 0.5).floor() / inverse)
                })
            }
            Map::Clamp(least, greatest) => {
                let bound = |bound: &Option<Box<Node>>| bound.as_ref().map(|bound| self.scalar(bound)).transpose();
                let (least, greatest) = (bound(least)?, bound(greatest)?);
                map(series, |step, value| {
                    let least = least.as_ref().map_or(f64::NEG_INFINITY, |least| least[step]);
                    let greatest = greatest.as_ref().map_or(f64::INFINITY, |greatest| greatest[step]);
                    clamped(value, least, greatest)
                })
            }
        }
    }
}

/// Between two bounds: nothing if they cross, NaN if any of them is.
fn clamped(value: f64, least: f64, greatest: f64) -> Option<f64> {
    let unknown = value.is_nan() || least.is_nan() || greatest.is_nan();
    let within = if unknown { f64::NAN } else { value.min(greatest).max(least) };
    // Written so that NaN does not count as crossed.
    if least > greatest { None } else { Some(within) }
}

/// The value of the one series that has a point, else NaN.
fn only(series: &[Series], steps: usize) -> Vec<f64> {
    let at = |step: usize| {
        let mut there = series.iter().filter_map(|one| one.points[step]);
        there.next().filter(|_| there.next().is_none()).unwrap_or(f64::NAN)
    };
    (0..steps).map(at).collect()
}

/// By value, NaN last; only a vector of one step has an order.
fn sorted(descending: bool, mut series: Vec<Series>) -> Vec<Series> {
    let value = |one: &Series| one.points.first().copied().flatten().unwrap_or(f64::NAN);
    series.sort_by(|one, other| {
        let (one, other) = (value(one), value(other));
        let (first, second) = if descending { (other, one) } else { (one, other) };
        one.is_nan().cmp(&other.is_nan()).then(first.total_cmp(&second))
    });
    series
}

/// Counts more of what is bounded.
fn bounded(what: &str, used: &Cell<usize>, more: usize, allowed: usize) -> Result<()> {
    let all = used.get().saturating_add(more);
    used.set(all);
    if all > allowed {
        return Err(Failure::execution(format!(
            "too many {what}: {all} or more, of {allowed} allowed: ask for fewer services, fewer names, a longer step or \
             shorter windows"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
