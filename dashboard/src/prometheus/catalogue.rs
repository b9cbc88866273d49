//! The names of series: what each is of, what it means, and its unit.
//!
//! For each metric `m` of the store `hourglass_<m>_mean`, `hourglass_<m>_max` and `hourglass_<m>_sum`, and
//! `hourglass_messages`.

use std::sync::Arc;

use schema::{Metrics, nearest_f64};
use views::AnswerRow;

use super::quotient::nearest_mean;

/// A name and where its values are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: Arc<str>,
    value: Value,
}

/// What a series is of; metrics by their place in the store's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Mean(usize),
    Greatest(usize),
    Sum(usize),
    Messages,
}

impl Name {
    /// Its value in a minute: the double nearest to the exact one.
    pub(super) fn value(&self, row: &AnswerRow) -> f64 {
        let (metrics, messages) = (&row.aggregate.metrics, row.aggregate.msg_num);
        match self.value {
            Value::Mean(metric) => nearest_mean(metrics[metric].sum, messages),
            Value::Greatest(metric) => nearest_f64(i128::from(metrics[metric].max.get())),
            Value::Sum(metric) => nearest_f64(metrics[metric].sum),
            Value::Messages => messages as f64,
        }
    }

    /// What it means.
    pub(super) fn help(&self, metrics: &Metrics) -> String {
        match self.value {
            Value::Mean(metric) => format!("Mean of {} over the minute that ends here.", metrics[metric].name),
            Value::Greatest(metric) => {
                format!("Greatest value of {} in the minute that ends here.", metrics[metric].name)
            }
            Value::Sum(metric) => format!("Total of {} over the minute that ends here.", metrics[metric].name),
            Value::Messages => "Messages of the minute that ends here.".to_owned(),
        }
    }
}

/// Every name, sorted.
pub(super) fn names(metrics: &Metrics) -> Vec<Name> {
    let name = |text: String, value| Name { text: text.into(), value };
    let mut names = vec![name("hourglass_messages".to_owned(), Value::Messages)];
    for (place, metric) in metrics.iter().enumerate() {
        names.push(name(format!("hourglass_{}_mean", metric.name), Value::Mean(place)));
        names.push(name(format!("hourglass_{}_max", metric.name), Value::Greatest(place)));
        names.push(name(format!("hourglass_{}_sum", metric.name), Value::Sum(place)));
    }
    names.sort_by(|one, other| one.text.cmp(&other.text));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_three_names_and_no_two_are_the_same() {
        let mut names: Vec<_> =
            names(&"cpu,cpu_max,ram=used,messages,cpu_sum".parse().unwrap()).into_iter().map(|n| n.text).collect();
        assert_eq!(names.len(), 16);
        names.dedup();
        assert_eq!(names.len(), 16);
        assert!(names.contains(&"hourglass_ram_mean".into()) && names.is_sorted());
    }
}
