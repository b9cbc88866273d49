//! Checks the Double columns of a view file against its exact ones.
//!
//! People calculate with the Doubles, so they must be the nearest to the exact
//! values. This reads the file with the Parquet library alone and compares
//! with what the standard library makes of the exact value's decimal text.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::{Result, ViewError};

/// A Double that is not the nearest to its exact value.
#[derive(Debug, PartialEq)]
pub(crate) struct WrongDouble {
    pub(crate) service: String,
    /// Minutes since 1970.
    pub(crate) minute: u32,
    pub(crate) column: String,
    pub(crate) expected: f64,
    pub(crate) found: f64,
}

/// Every wrong Double of the view in `bytes`.
pub(crate) fn check(name: &str, bytes: Bytes, sink: &mut dyn FnMut(WrongDouble)) -> Result<()> {
    let corrupt = |why| ViewError::corrupt(name, why);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|file| file.build()).map_err(corrupt)?;
    for batch in reader {
        let batch = batch.map_err(|why| ViewError::corrupt(name, why))?;
        check_batch(&batch, sink).ok_or_else(|| ViewError::corrupt(name, "a column is missing"))?;
    }
    Ok(())
}

fn check_batch(batch: &RecordBatch, sink: &mut dyn FnMut(WrongDouble)) -> Option<()> {
    let services = batch.column_by_name("service")?.as_string_opt::<i32>()?;
    let times = batch.column_by_name("time_stamp")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    batch.column_by_name("msg_num")?.as_primitive_opt::<Int64Type>()?;
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name());
    for (exact_name, column) in names.filter_map(|name| Some((name, name.strip_suffix("_exact")?))) {
        let exact = batch.column_by_name(exact_name)?.as_primitive_opt::<Decimal128Type>()?;
        let doubles = batch.column_by_name(column)?.as_primitive_opt::<Float64Type>()?;
        for row in 0..batch.num_rows() {
            let (expected, found) = (nearest(exact.value(row)), doubles.value(row));
            if expected.to_bits() != found.to_bits() {
                sink(WrongDouble {
                    service: services.value(row).to_owned(),
                    minute: (times.value(row) / 60_000_000) as u32,
                    column: column.to_owned(),
                    expected,
                    found,
                });
            }
        }
    }
    Some(())
}

/// The Double nearest to so many millionths, by way of decimal text.
fn nearest(millionths: i128) -> f64 {
    let size = millionths.unsigned_abs();
    let text = format!("{}.{:06}", size / 1_000_000, size % 1_000_000);
    // Such text always parses; the sign is put on after, so zero has none.
    let double = text.parse().unwrap_or(f64::NAN);
    if millionths < 0 { -double } else { double }
}
