//! The exact columns of a record batch, as rows.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{PrimitiveArray, RecordBatch, StringArray};
use hashbrown::HashSet;
use schema::{MetricAggregate, Micros, Millionths, Minute, ServiceName};

use crate::fold::Row;

/// The exact columns of one batch.
pub(super) struct Exact {
    services: StringArray,
    times: PrimitiveArray<TimestampMicrosecondType>,
    msg_num: PrimitiveArray<Int64Type>,
    metrics: Vec<ExactMetric>,
}

struct ExactMetric {
    max_time: PrimitiveArray<TimestampMicrosecondType>,
    sum: PrimitiveArray<Decimal128Type>,
    max: PrimitiveArray<Decimal128Type>,
}

impl Exact {
    /// Takes the projected columns, which stand in file order.
    pub(super) fn of(batch: &RecordBatch, width: usize) -> Option<Exact> {
        let time = |at: usize| batch.column(at).as_primitive_opt::<TimestampMicrosecondType>().cloned();
        let decimal = |at: usize| batch.column(at).as_primitive_opt::<Decimal128Type>().cloned();
        let msg_num = 2 + width;
        let metric = |at: usize| {
            Some(ExactMetric {
                max_time: time(2 + at)?,
                sum: decimal(msg_num + 1 + at)?,
                max: decimal(msg_num + 1 + width + at)?,
            })
        };
        Some(Exact {
            services: batch.column(0).as_string_opt::<i32>()?.clone(),
            times: time(1)?,
            msg_num: batch.column(msg_num).as_primitive_opt::<Int64Type>()?.clone(),
            metrics: (0..width).map(metric).collect::<Option<_>>()?,
        })
    }

    pub(super) fn rows(&self, names: &mut Names, mut sink: impl FnMut(Row<'_>)) -> Result<(), &'static str> {
        const NO_ROW: &str = "a row holds what no view holds";
        let mut metrics = Vec::with_capacity(self.metrics.len());
        for at in 0..self.times.len() {
            metrics.clear();
            for metric in &self.metrics {
                let max = i64::try_from(metric.max.value(at)).ok().and_then(Millionths::new);
                metrics.push(MetricAggregate {
                    sum: metric.sum.value(at),
                    max: max.ok_or(NO_ROW)?,
                    max_time: Micros::new(metric.max_time.value(at)).ok_or(NO_ROW)?,
                });
            }
            sink(Row {
                service: names.find(self.services.value(at)).ok_or(NO_ROW)?,
                minute: minute(self.times.value(at)).ok_or(NO_ROW)?,
                msg_num: u64::try_from(self.msg_num.value(at)).map_err(|_| NO_ROW)?,
                metrics: &metrics,
            });
        }
        Ok(())
    }
}

fn minute(micros: i64) -> Option<Minute> {
    let time = Micros::new(micros)?;
    (time.minute().start() == time).then(|| time.minute())
}

/// Service names met so far, each allocated once.
#[derive(Default)]
pub(super) struct Names(HashSet<ServiceName>);

impl Names {
    fn find(&mut self, name: &str) -> Option<&ServiceName> {
        if !self.0.contains(name) {
            self.0.insert(ServiceName::new(name).ok()?);
        }
        self.0.get(name)
    }
}
