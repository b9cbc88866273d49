//! The minute aggregate: what a view holds for one service and one minute.
//!
//! A commutative monoid: `merge` is associative and commutative, `EMPTY`/[`MinuteAggregate::new`] its identity, and
//! adding a message is merging the aggregate of that message alone. Batch, realtime, merge and query all use this one
//! implementation, so how the work was split never shows in a result.

use crate::{Micros, Millionths, Minute, ServiceName};

/// One metric over one minute: the exact total, the maximum, and when it was first reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricAggregate {
    /// Total of the values, in millionths.
    pub sum: i128,
    /// Greatest value; the least there can be if there were none.
    pub max: Millionths,
    /// Earliest time of the greatest value; the latest there can be if there were none.
    pub max_time: Micros,
}

impl MetricAggregate {
    /// Of no values: the identity of [`merge`](Self::merge).
    pub const EMPTY: MetricAggregate = MetricAggregate { sum: 0, max: Millionths::MIN, max_time: Micros::MAX };

    /// Takes one value in.
    #[inline]
    pub fn add(&mut self, value: Millionths, time: Micros) {
        self.sum += i128::from(value.get());
        self.raise(value, time);
    }

    /// Takes all of another's values in.
    #[inline]
    pub fn merge(&mut self, other: &MetricAggregate) {
        self.sum += other.sum;
        self.raise(other.max, other.max_time);
    }

    #[inline]
    fn raise(&mut self, value: Millionths, time: Micros) {
        if value > self.max || (value == self.max && time < self.max_time) {
            (self.max, self.max_time) = (value, time);
        }
    }
}

/// One service over one minute (or any longer bucket): the number of messages, and each metric's aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinuteAggregate {
    /// How many messages.
    pub msg_num: u64,
    /// One a metric, in the order of [`crate::Metrics`].
    pub metrics: Box<[MetricAggregate]>,
}

impl MinuteAggregate {
    /// Of no messages, for so many metrics: the identity of [`merge`](Self::merge).
    pub fn new(metrics: usize) -> Self {
        MinuteAggregate { msg_num: 0, metrics: vec![MetricAggregate::EMPTY; metrics].into() }
    }

    /// Takes one message in; `values` has as many metrics as this has.
    pub fn add(&mut self, time: Micros, values: &[Millionths]) {
        debug_assert_eq!(values.len(), self.metrics.len());
        self.msg_num += 1;
        self.metrics.iter_mut().zip(values).for_each(|(metric, value)| metric.add(*value, time));
    }

    /// Takes all of another's messages in; both have the same metrics.
    pub fn merge(&mut self, other: &MinuteAggregate) {
        debug_assert_eq!(other.metrics.len(), self.metrics.len());
        self.msg_num += other.msg_num;
        self.metrics.iter_mut().zip(&other.metrics).for_each(|(metric, more)| metric.merge(more));
    }
}

/// One row of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRow {
    /// Whose messages.
    pub service: ServiceName,
    /// Of which minute.
    pub minute: Minute,
    /// What they come to.
    pub aggregate: MinuteAggregate,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Messages = Vec<(Micros, [Millionths; 2])>;

    /// Few distinct values and times, so that maxima tie.
    fn messages() -> impl Strategy<Value = Messages> {
        let value = prop_oneof![-3i64..3, Millionths::MIN.get()..=Millionths::MAX.get(), Just(Millionths::MIN.get())];
        let time = prop_oneof![0i64..4, Just(Micros::MAX.get())];
        let message = (time, value.clone(), value)
            .prop_map(|(time, a, b)| (Micros::new(time).unwrap(), [a, b].map(|v| Millionths::new(v).unwrap())));
        prop::collection::vec(message, 0..12)
    }

    fn aggregate(messages: &Messages) -> MinuteAggregate {
        let mut aggregate = MinuteAggregate::new(2);
        messages.iter().for_each(|(time, values)| aggregate.add(*time, values));
        aggregate
    }

    fn merged(a: &MinuteAggregate, b: &MinuteAggregate) -> MinuteAggregate {
        let mut merged = a.clone();
        merged.merge(b);
        merged
    }

    proptest! {
        #[test]
        fn merging_is_associative_and_commutative_with_an_identity(a in messages(), b in messages(), c in messages()) {
            let (a, b, c) = (aggregate(&a), aggregate(&b), aggregate(&c));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&a, &MinuteAggregate::new(2)), a.clone());
            prop_assert_eq!(merged(&MinuteAggregate::new(2), &a), a);
        }

        #[test]
        fn however_messages_are_split_and_ordered_the_aggregate_is_one(
            all in messages().prop_shuffle(), cut in 0usize..12,
        ) {
            let (front, back) = all.split_at(cut.min(all.len()));
            let whole = aggregate(&all);
            prop_assert_eq!(merged(&aggregate(&back.to_vec()), &aggregate(&front.to_vec())), whole);
        }

        #[test]
        fn the_aggregate_is_what_a_plain_pass_finds(all in messages()) {
            let aggregate = aggregate(&all);
            prop_assert_eq!(aggregate.msg_num, all.len() as u64);
            for (i, metric) in aggregate.metrics.iter().enumerate() {
                prop_assert_eq!(metric.sum, all.iter().map(|(_, values)| i128::from(values[i].get())).sum::<i128>());
                let Some(max) = all.iter().map(|(_, values)| values[i]).max() else { continue };
                let first = all.iter().filter(|(_, values)| values[i] == max).map(|(time, _)| *time).min();
                prop_assert_eq!((metric.max, Some(metric.max_time)), (max, first));
            }
        }
    }
}
