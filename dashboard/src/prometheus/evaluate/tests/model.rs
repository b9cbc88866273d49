//! The plain model: one step at a time, and each sample looked at anew.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::binary::test_operator;
use super::super::super::expression::{Aggregation, Fold, Map, Node, Operator, Plan};
use super::super::super::labels::{Grouping, Labels};
use super::super::super::samples::Samples;
use super::super::super::steps::Steps;
use super::super::super::window;

/// A vector at one time.
pub(super) type Moment = BTreeMap<Labels, f64>;

/// What an expression comes to at one time.
#[derive(Debug)]
enum One {
    Number(f64),
    Vector(Moment),
}

/// An expression at `time`, which is one of the steps; none is a refusal.
pub(super) struct Model<'a> {
    pub(super) plan: &'a Plan,
    pub(super) samples: &'a Samples,
    pub(super) steps: &'a Steps,
    pub(super) time: i64,
}

impl Model<'_> {
    fn number(&self, node: &Node) -> Option<f64> {
        match self.one(node)? {
            One::Number(number) => Some(number),
            One::Vector(_) => panic!("a vector for a scalar"),
        }
    }

    pub(super) fn vector(&self, node: &Node) -> Option<Moment> {
        match self.one(node)? {
            One::Vector(vector) => Some(vector),
            One::Number(_) => panic!("a scalar for a vector"),
        }
    }

    fn one(&self, node: &Node) -> Option<One> {
        Some(match node {
            Node::Number(number) => One::Number(*number),
            Node::Time => One::Number(self.time as f64 / 1000.0),
            Node::Scalar(of) => {
                let vector = self.vector(of)?;
                One::Number(if vector.len() == 1 { *vector.values().next()? } else { f64::NAN })
            }
            Node::Vector(of) => One::Vector([(Labels::default(), self.number(of)?)].into()),
            Node::Instant(selector) => {
                let windows = self.windows(*selector).into_iter();
                One::Vector(windows.map(|(labels, window)| (labels, window[window.len() - 1])).collect())
            }
            Node::Window { fold, selector } => {
                let phi = if let Fold::Quantile(phi) = fold { self.number(phi)? } else { 0.0 };
                let windows = self.windows(*selector).into_iter();
                let folded = windows.map(|(labels, window)| match fold {
                    Fold::Last => (labels, window[window.len() - 1]),
                    Fold::Average => (labels.nameless(), window.iter().sum::<f64>() / window.len() as f64),
                    Fold::Sum => (labels.nameless(), window.iter().sum()),
                    Fold::Least => (labels.nameless(), window.iter().copied().fold(f64::INFINITY, f64::min)),
                    Fold::Greatest => (labels.nameless(), window.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
                    Fold::Count => (labels.nameless(), window.len() as f64),
                    Fold::Quantile(_) => (labels.nameless(), quantile_of(window, phi)),
                });
                One::Vector(unique(folded)?)
            }
            Node::Negate(of) => match self.one(of)? {
                One::Number(number) => One::Number(-number),
                One::Vector(vector) => One::Vector(unique(vector.into_iter().map(|(l, v)| (l.nameless(), -v)))?),
            },
            Node::Map { function: Map::Absolute, of } => {
                One::Vector(unique(self.vector(of)?.into_iter().map(|(l, v)| (l.nameless(), v.abs())))?)
            }
            Node::Map { .. } => panic!("not generated"),
            Node::Sort { of, .. } => One::Vector(self.vector(of)?),
            Node::Aggregate { aggregation, grouping, of } => One::Vector(self.aggregate(aggregation, grouping, of)?),
            Node::Binary { operator, matching, left, right } => {
                let (left, right) = (self.one(left)?, self.one(right)?);
                match (left, right) {
                    (One::Number(left), One::Number(right)) => {
                        One::Number(test_operator(*operator, left, right).unwrap_or(0.0))
                    }
                    (One::Vector(left), One::Number(right)) => One::Vector(unique(
                        left.into_iter()
                            .filter_map(|(l, v)| Some((named(*operator, &l), test_operator(*operator, v, right)?))),
                    )?),
                    (One::Number(_), One::Vector(_)) => panic!("not generated"),
                    (One::Vector(left), One::Vector(right)) => {
                        let rights = unique(right.into_iter().map(|(l, v)| (matching.of(&l), v)))?;
                        let mut seen = BTreeSet::new();
                        let mut results = Vec::new();
                        for (labels, value) in left {
                            let group = matching.of(&labels);
                            let Some(right) = rights.get(&group) else { continue };
                            let Some(result) = test_operator(*operator, value, *right) else { continue };
                            if !seen.insert(group.clone()) {
                                return None;
                            }
                            let on = matches!(matching, Grouping::By(_));
                            let kept = named(*operator, &labels);
                            let kept = if on { matching.of(&kept) } else { Labels { name: kept.name, ..group } };
                            results.push((kept, result));
                        }
                        One::Vector(unique(results.into_iter())?)
                    }
                }
            }
        })
    }

    /// Each selected series' values in the window, where it has any.
    fn windows(&self, selector: usize) -> Vec<(Labels, Vec<f64>)> {
        let selector = &self.plan.selectors[selector];
        let place = self.steps.times().iter().position(|time| *time == self.time).unwrap();
        let end = selector.ends(self.steps)[place];
        let mut found = Vec::new();
        for (service, columns) in &self.samples.services {
            for (name, values) in self.samples.names.iter().zip(&columns.values) {
                let inside = |time: i64| end - selector.back() < time && time <= end;
                let window = columns.times.iter().zip(values).filter(|(time, _)| inside(**time));
                let window: Vec<f64> = window.map(|(_, value)| *value).collect();
                if !window.is_empty() && selector.wants_name(&name.text) && selector.wants_service(service) {
                    found.push((Labels { name: Some(name.text.clone()), service: Some(service.clone()) }, window));
                }
            }
        }
        found
    }

    fn aggregate(&self, aggregation: &Aggregation, grouping: &Grouping, of: &Node) -> Option<Moment> {
        let parameter = aggregation.parameter().map_or(Some(0.0), |parameter| self.number(parameter))?;
        let mut groups: BTreeMap<Labels, Vec<(Labels, f64)>> = BTreeMap::new();
        for (labels, value) in self.vector(of)? {
            groups.entry(grouping.of(&labels)).or_default().push((labels, value));
        }
        let mut found = Moment::new();
        for (labels, mut group) in groups {
            let values = || group.iter().map(|(_, value)| *value);
            let folded = match aggregation {
                Aggregation::Sum => values().sum(),
                Aggregation::Average => values().sum::<f64>() / group.len() as f64,
                Aggregation::Least => values().fold(f64::INFINITY, f64::min),
                Aggregation::Greatest => values().fold(f64::NEG_INFINITY, f64::max),
                Aggregation::Count => group.len() as f64,
                Aggregation::Quantile(_) => quantile_of(values().collect(), parameter),
                Aggregation::Top(_) | Aggregation::Bottom(_) => {
                    let sign = if matches!(aggregation, Aggregation::Top(_)) { -1.0 } else { 1.0 };
                    group.sort_by(|(_, one), (_, other)| (sign * one).partial_cmp(&(sign * other)).unwrap());
                    found.extend(group.into_iter().take(parameter as usize));
                    continue;
                }
            };
            found.insert(labels, folded);
        }
        Some(found)
    }
}

fn named(operator: Operator, labels: &Labels) -> Labels {
    match operator {
        Operator::Comparison { as_number: false, .. } => labels.clone(),
        _ => labels.nameless(),
    }
}

fn unique(pairs: impl Iterator<Item = (Labels, f64)>) -> Option<Moment> {
    let mut found = Moment::new();
    for (labels, value) in pairs {
        if found.insert(labels, value).is_some() {
            return None;
        }
    }
    Some(found)
}

fn quantile_of(mut values: Vec<f64>, phi: f64) -> f64 {
    values.sort_by(|one, other| one.partial_cmp(other).unwrap());
    window::quantile(&values, phi)
}
