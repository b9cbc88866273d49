//! Writes a table as a view file.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use schema::{Metrics, Minute, nearest_f64};

use super::columns::{self, PRECISION, SCALE};
use super::footer::{Footer, Group};
use super::whole;
use crate::error::Result;
use crate::fold::{Row, Table};
use crate::row_bytes;

/// Rows in a row group, at most: what a reader holds at once.
const GROUP_ROWS: usize = 1 << 16;
/// Days with fewer rows share a row group; a service's full day has 1440.
const FEW_ROWS: usize = 1000;

/// A view file as bytes, and what a manifest says of it.
#[derive(Debug)]
pub struct Written {
    /// The whole file.
    pub bytes: Bytes,
    /// How many rows.
    pub rows: u64,
    /// How many messages they stand for.
    pub messages: u64,
    /// CRC-32C of the canonical rows.
    pub crc32c: u32,
    /// The first minute; 0 without rows.
    pub first: Minute,
    /// The last minute; 0 without rows.
    pub last: Minute,
}

/// Writes `table` as one view file. `notes` become metadata that
/// [`ViewFile::note`](super::ViewFile::note) gives back.
///
/// # Errors
/// `Parquet`, which only a bug can cause.
pub fn write(metrics: &Metrics, table: &Table, notes: &[(&str, String)]) -> Result<Written> {
    Ok(encode(metrics, &table.rows_by_time(), notes)?)
}

/// The rows of `table` as record batches, in the order and with the columns of a view file.
///
/// # Errors
/// `Parquet`, which only a bug can cause.
pub(crate) fn record_batches(metrics: &Metrics, table: &Table) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let (schema, rows) = (columns::schema(metrics), table.rows_by_time());
    let batches = rows.chunks(GROUP_ROWS).map(|rows| batch(&schema, metrics.len(), rows));
    Ok((schema.clone(), batches.collect::<Result<_, _>>()?))
}

fn encode(metrics: &Metrics, rows: &[Row<'_>], notes: &[(&str, String)]) -> Result<Written, ParquetError> {
    let schema = columns::schema(metrics);
    let options = ArrowWriterOptions::new().with_properties(properties(&schema)?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)?;
    let mut footer = Footer::default();
    footer.notes.extend(notes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));

    let mut canonical = Vec::new();
    for group in groups(rows) {
        footer.groups.push(summary(group, &mut canonical));
        writer.write(&batch(&schema, metrics.len(), group)?)?;
        writer.flush()?;
    }
    footer.encode().into_iter().for_each(|entry| writer.append_key_value_metadata(entry));

    let mut file = writer.into_inner()?;
    whole::seal(&mut file);
    Ok(Written {
        bytes: file.into(),
        rows: rows.len() as u64,
        messages: rows.iter().map(|row| row.msg_num).sum(),
        crc32c: footer.crc32c(),
        first: rows.first().map_or(Minute::default(), |row| row.minute),
        last: rows.last().map_or(Minute::default(), |row| row.minute),
    })
}

/// Integers pack well as deltas, exact values compress well, doubles hardly: so
/// zstd, whose contexts cost more than small pages, is for the exact ones only.
fn properties(schema: &Schema) -> Result<WriterProperties, ParquetError> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1)?);
    let mut properties = WriterProperties::builder()
        .set_created_by("hourglass".into())
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled("service".into(), true)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled("time_stamp".into(), EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None);
    for field in schema.fields() {
        let column = || ColumnPath::from(field.name().as_str());
        properties = match field.data_type() {
            DataType::Timestamp(..) | DataType::Int64 => {
                properties.set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Decimal128(..) => properties.set_column_compression(column(), zstd),
            _ => properties,
        };
    }
    Ok(properties.build())
}

/// Whole days together, as long as they are few rows; of a large day a part.
fn groups<'a, 'b>(rows: &'b [Row<'a>]) -> Vec<&'b [Row<'a>]> {
    let mut groups = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let mut length = 0;
        while length < FEW_ROWS && length < rest.len() {
            let date = rest[length].minute.date();
            length += rest[length..].partition_point(|row| row.minute.date() == date);
        }
        let (group, after) = rest.split_at(length.min(GROUP_ROWS));
        groups.push(group);
        rest = after;
    }
    groups
}

fn summary(group: &[Row<'_>], canonical: &mut Vec<u8>) -> Group {
    canonical.clear();
    group.iter().for_each(|row| row_bytes::encode(row, canonical));
    Group {
        first: group.first().map_or(Minute::default(), |row| row.minute),
        last: group.last().map_or(Minute::default(), |row| row.minute),
        rows: group.len() as u64,
        bytes: canonical.len() as u64,
        crc32c: crc32c::crc32c(canonical),
    }
}

fn batch(schema: &SchemaRef, width: usize, rows: &[Row<'_>]) -> Result<RecordBatch, ParquetError> {
    let total = |metric: usize| rows.iter().map(move |row| row.metrics[metric].sum);
    let max = |metric: usize| rows.iter().map(move |row| i128::from(row.metrics[metric].max.get()));
    let max_time = |metric: usize| rows.iter().map(move |row| row.metrics[metric].max_time.get());

    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.service.as_str()))),
        times(rows.iter().map(|row| row.minute.start().get())),
    ];
    columns.extend((0..width).map(|metric| doubles(total(metric))));
    for metric in 0..width {
        columns.push(times(max_time(metric)));
        columns.push(doubles(max(metric)));
    }
    columns.push(Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.msg_num as i64))));
    for metric in 0..width {
        columns.push(exact(total(metric))?);
    }
    for metric in 0..width {
        columns.push(exact(max(metric))?);
    }
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

fn times(micros: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
}

fn doubles(millionths: impl Iterator<Item = i128>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(millionths.map(nearest_f64)))
}

fn exact(millionths: impl Iterator<Item = i128>) -> Result<ArrayRef, ParquetError> {
    let array = Decimal128Array::from_iter_values(millionths).with_precision_and_scale(PRECISION, SCALE)?;
    Ok(Arc::new(array))
}
