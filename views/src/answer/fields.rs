//! The fields of a row, named and written once for CSV, JSON and NDJSON.

use schema::{Metrics, mean, write_fixed};

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

/// The fields' names, in order.
pub(super) fn names(metrics: &Metrics) -> Vec<String> {
    let mut names = vec!["service".to_owned(), "time_stamp".to_owned()];
    let each = || metrics.iter().map(|metric| &metric.name);
    names.extend(each().map(|name| name.to_string()));
    names.extend(each().flat_map(|name| [format!("max_{name}_time"), format!("max_{name}")]));
    names.push("msg_num".to_owned());
    names.extend(each().map(|name| format!("{name}_mean")));
    names
}

/// Gives each field's text to `field`, in the order of [`names`]; `scratch` is reused from row to row.
pub(super) fn each(row: &AnswerRow, scratch: &mut Vec<u8>, mut field: impl FnMut(Kind, &[u8])) {
    let aggregate = &row.aggregate;
    let mut put = |kind, write: &dyn Fn(&mut Vec<u8>)| {
        scratch.clear();
        write(scratch);
        field(kind, scratch);
    };
    let time = |out: &mut Vec<u8>, time| out.extend_from_slice(format!("{time}").as_bytes());
    put(Kind::Service, &|out| out.extend_from_slice(row.service.as_str().as_bytes()));
    put(Kind::Time, &|out| time(out, row.start.start()));
    for metric in &aggregate.metrics {
        put(Kind::Number, &|out| write_fixed(out, metric.sum));
    }
    for metric in &aggregate.metrics {
        put(Kind::Time, &|out| time(out, metric.max_time));
        put(Kind::Number, &|out| write_fixed(out, i128::from(metric.max.get())));
    }
    put(Kind::Number, &|out| out.extend_from_slice(aggregate.msg_num.to_string().as_bytes()));
    for metric in &aggregate.metrics {
        put(Kind::Number, &|out| write_fixed(out, mean(metric.sum, aggregate.msg_num)));
    }
}
