//! The columns of a view: names, types, and where the exact ones stand.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use schema::Metrics;

/// Digits of an exact column, all and after the point.
pub(super) const PRECISION: u8 = 38;
pub(super) const SCALE: i8 = 6;

/// Where columns stand in a view of `width` metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) width: usize,
}

impl Columns {
    pub(super) const SERVICE: usize = 0;
    pub(super) const TIME: usize = 1;

    fn total(self, metric: usize) -> usize {
        2 + metric
    }

    pub(super) fn max_time(self, metric: usize) -> usize {
        2 + self.width + 2 * metric
    }

    pub(super) fn msg_num(self) -> usize {
        2 + 3 * self.width
    }

    pub(super) fn exact(self, metric: usize) -> usize {
        self.msg_num() + 1 + metric
    }

    pub(super) fn max_exact(self, metric: usize) -> usize {
        self.exact(self.width) + metric
    }

    /// The columns that make a row exactly, in file order.
    pub(super) fn projected(self) -> impl Iterator<Item = usize> {
        let times = (0..self.width).map(move |metric| self.max_time(metric));
        let exact = self.msg_num()..self.max_exact(self.width);
        [Self::SERVICE, Self::TIME].into_iter().chain(times).chain(exact)
    }
}

/// The schema of a view with these metrics.
pub(super) fn schema(metrics: &Metrics) -> SchemaRef {
    let columns = Columns { width: metrics.len() };
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let exact = DataType::Decimal128(PRECISION, SCALE);
    let field = |name: String, kind: &DataType| Field::new(name, kind.clone(), false);
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();

    let mut fields = vec![field("service".into(), &DataType::Utf8), field("time_stamp".into(), &time)];
    fields.extend(names.iter().map(|name| field((*name).into(), &DataType::Float64)));
    for name in &names {
        fields.push(field(format!("max_{name}_time"), &time));
        fields.push(field(format!("max_{name}"), &DataType::Float64));
    }
    fields.push(field("msg_num".into(), &DataType::Int64));
    fields.extend(names.iter().map(|name| field(format!("{name}_exact"), &exact)));
    fields.extend(names.iter().map(|name| field(format!("max_{name}_exact"), &exact)));
    debug_assert_eq!(fields.len(), columns.max_exact(columns.width));
    debug_assert_eq!(columns.total(columns.width), columns.max_time(0));
    Arc::new(Schema::new(fields))
}
