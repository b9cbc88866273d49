//! The fields of a row, named and written once for CSV, JSON and NDJSON.
//!
//! A row is text between its fields, the same for each, and the fields: so a format is what stands before each field
//! and behind the last, and how it writes a service's name.

use schema::{Metrics, ServiceName, mean, write_fixed, write_whole};

use crate::query::AnswerRow;

/// What a field holds, so that each format can quote it its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The service's name.
    Service,
    /// A time.
    Time,
    /// A number.
    Number,
}

/// The fields, in order.
pub(super) fn fields(metrics: &Metrics) -> Vec<(String, Kind)> {
    let mut fields = vec![("service".to_owned(), Kind::Service), ("time_stamp".to_owned(), Kind::Time)];
    let each = || metrics.iter().map(|metric| &metric.name);
    fields.extend(each().map(|name| (name.to_string(), Kind::Number)));
    fields.extend(
        each().flat_map(|name| [(format!("max_{name}_time"), Kind::Time), (format!("max_{name}"), Kind::Number)]),
    );
    fields.push(("msg_num".to_owned(), Kind::Number));
    fields.extend(each().map(|name| (format!("{name}_mean"), Kind::Number)));
    fields
}

/// Writes rows in one format.
pub(super) struct Rows {
    /// What stands before each field.
    before: Vec<Vec<u8>>,
    /// What stands behind the last.
    behind: &'static [u8],
    /// How a service's name is written.
    name: fn(&ServiceName) -> Vec<u8>,
    /// The last one, as written.
    service: Option<(ServiceName, Vec<u8>)>,
}

impl Rows {
    /// Of a format.
    pub(super) fn new(before: Vec<Vec<u8>>, behind: &'static [u8], name: fn(&ServiceName) -> Vec<u8>) -> Self {
        Self { before, behind, name, service: None }
    }

    /// Appends one row, in the order of [`fields`].
    pub(super) fn write(&mut self, out: &mut Vec<u8>, row: &AnswerRow) {
        if self.service.as_ref().is_none_or(|(service, _)| *service != row.service) {
            self.service = Some((row.service.clone(), (self.name)(&row.service)));
        }
        let service = self.service.as_ref().map(|(_, written)| &**written).unwrap_or_default();
        let mut before = self.before.iter();
        let mut next = |out: &mut Vec<u8>| out.extend_from_slice(before.next().map_or(b"", |before| before));
        let aggregate = &row.aggregate;
        next(out);
        out.extend_from_slice(service);
        next(out);
        row.start.start().write(out);
        for metric in &aggregate.metrics {
            next(out);
            write_fixed(out, metric.sum);
        }
        for metric in &aggregate.metrics {
            next(out);
            metric.max_time.write(out);
            next(out);
            write_fixed(out, i128::from(metric.max.get()));
        }
        next(out);
        write_whole(out, aggregate.msg_num);
        for metric in &aggregate.metrics {
            next(out);
            write_fixed(out, mean(metric.sum, aggregate.msg_num));
        }
        out.extend_from_slice(self.behind);
    }
}
