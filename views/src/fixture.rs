//! What tests share: messages, and the plain model that everything is held to.

mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use schema::{Metrics, Micros, Millionths};

use crate::fold::{Row, Table};

pub(crate) use world::World;

/// A message to be counted.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) service: &'static str,
    pub(crate) time: Micros,
    pub(crate) values: [Millionths; 3],
}

/// A row as plain numbers: (service, minute) and (messages, (sum, max, time of max) a metric).
pub(crate) type Plain = ((String, u32), (u64, Vec<(i128, i64, i64)>));

/// Plain rows by service and minute.
pub(crate) type Model = BTreeMap<(String, u32), (u64, Vec<(i128, i64, i64)>)>;

pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const DAY: i64 = 1440 * MINUTE;

/// 2026-11-21T00:00:00Z.
pub(crate) const TODAY: i64 = 1_795_219_200_000_000;

pub(crate) fn micros(time: i64) -> Micros {
    Micros::new(time).unwrap()
}

pub(crate) fn millionths(value: i64) -> Millionths {
    Millionths::new(value).unwrap()
}

/// The brute-force count.
pub(crate) fn count<'a>(messages: impl IntoIterator<Item = &'a Sent>) -> Model {
    let mut model = Model::new();
    for message in messages {
        let key = (message.service.to_owned(), (message.time.get() / MINUTE) as u32);
        let (n, metrics) = model.entry(key).or_insert((0, vec![(0, i64::MIN, 0); 3]));
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

pub(crate) fn plain(row: Row<'_>) -> Plain {
    let metrics = row.metrics.iter().map(|metric| (metric.sum, metric.max.get(), metric.max_time.get()));
    ((row.service.to_string(), row.minute.get()), (row.msg_num, metrics.collect()))
}

pub(crate) fn rows(table: &Table) -> Model {
    table.rows().map(plain).collect()
}

pub(crate) fn table<'a>(messages: impl IntoIterator<Item = &'a Sent>) -> Table {
    let mut table = Table::new(&Metrics::default());
    messages.into_iter().for_each(|message| table.add(message.service, message.time, &message.values));
    table
}

/// The messages as a dated file has them.
pub(crate) fn lines(messages: &[Sent]) -> String {
    let mut lines = String::new();
    for Sent { service, time, values: [cpu, ram, disk] } in messages {
        let (service, time) = (serde_json::json!(service), time.get());
        writeln!(lines, r#"{{"service":{service},"ts":{time},"cpu":{cpu},"ram":{ram},"disk":{disk}}}"#).unwrap();
    }
    lines
}

/// A message around the end of a month, with values that often tie.
pub(crate) fn sent() -> impl Strategy<Value = Sent> {
    let services = prop::sample::select(vec!["checkout", "basket", "a,\"b\"/é", "a-service-with-a-long-name"]);
    let day = prop_oneof![3 => Just(0_i64), 2 => -3..3_i64, 1 => -60..15_i64];
    let value = prop_oneof![-3..3_i64, Just(999_999_999_999_999_999), -1_000_000..1_000_000_i64];
    (services, day, 0..5_i64, 0..3 * MINUTE, [value.clone(), value.clone(), value]).prop_map(
        |(service, day, hour, offset, values)| Sent {
            service,
            time: micros(TODAY + day * DAY + hour * 60 * MINUTE + offset),
            values: values.map(millionths),
        },
    )
}

pub(crate) fn messages(most: usize) -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec(sent(), 0..most)
}
