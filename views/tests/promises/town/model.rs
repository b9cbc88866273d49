//! The brute-force count that answers are held to.

use std::collections::BTreeMap;

use views::{Answer, Query};

use super::messages::{MINUTE, Sent};

/// (service, start of the bucket in minutes) to (messages, (sum, max, time of max) a metric).
pub(crate) type Model = BTreeMap<(String, u32), (u64, Vec<(i128, i64, i64)>)>;

/// Counts what `query` asks for.
pub(crate) fn count<'a>(messages: impl IntoIterator<Item = &'a Sent>, query: &Query) -> Model {
    let mut model = Model::new();
    let minutes = query.minutes();
    for message in messages {
        let minute = (message.time.get() / MINUTE) as u32;
        let named = query.services.is_empty() || query.services.iter().any(|name| name.as_str() == message.service);
        if !named || minute < minutes.start.get() || minute >= minutes.end.get() {
            continue;
        }
        let bucket = minute / query.every.minutes() * query.every.minutes();
        let row = model.entry((message.service.to_owned(), bucket));
        let (n, metrics) = row.or_insert((0, vec![(0, i64::MIN, 0); 3]));
        *n += 1;
        for ((sum, max, at), value) in metrics.iter_mut().zip(&message.values) {
            *sum += i128::from(value.get());
            let (value, time) = (value.get(), message.time.get());
            if value > *max || value == *max && time < *at {
                (*max, *at) = (value, time);
            }
        }
    }
    model
}

/// An answer's rows in the model's terms, their order checked.
pub(crate) fn rows(answer: &Answer) -> Model {
    let key = |row: &views::AnswerRow| (row.service.to_string(), row.start.get());
    assert!(answer.rows.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])), "rows by service, then time");
    let metrics = |row: &views::AnswerRow| {
        let metrics = row.aggregate.metrics.iter();
        metrics.map(|metric| (metric.sum, metric.max.get(), metric.max_time.get())).collect()
    };
    answer.rows.iter().map(|row| (key(row), (row.aggregate.msg_num, metrics(row)))).collect()
}
