//! One view as a Parquet file: batch partitions and realtime views alike.
//!
//! Enters: a table. Leaves: a file that pandas, DuckDB and Spark read and
//! calculate with, and that gives its exact rows back, checked. What must hold:
//! whatever bit of it flips, `ViewFile` gives either the rows that were written
//! or an error, never others. What it does not read, a flip of may not show:
//! Doubles, page headers, the footer's statistics, on which others rely. They are
//! under the checksum of the whole file, which `verify` checks (`whole`).
//!
//! # Format
//! Columns, all required, for metrics `cpu`, ...:
//! ```text
//! service           UTF8
//! time_stamp        TIMESTAMP(us, UTC), the minute
//! cpu, ...          DOUBLE, total over the minute, nearest to the exact value
//! max_cpu_time, max_cpu, ...   TIMESTAMP(us, UTC), DOUBLE
//! msg_num           INT64
//! cpu_exact, ...    DECIMAL(38,6)
//! max_cpu_exact, ...DECIMAL(38,6)
//! ```
//! Rows are sorted by time_stamp, then service (bytewise). A row group is one
//! UTC day; days of few rows share one, of a large day (a realtime view of many
//! services) it is a part. Times and counts are DELTA_BINARY_PACKED, the exact
//! columns zstd, `service` a dictionary; only `time_stamp` has statistics.
//! Key-value metadata:
//! ```text
//! hourglass.groups   one `first,last,rows,bytes,crc` a row group, joined by a
//!                    space: least and greatest minute, how many rows, length
//!                    and CRC-32C (8 hex) of their canonical bytes (`row_bytes`)
//! hourglass.<note>   what the caller noted (realtime views: how far they reach)
//! hourglass.crc32c   8 hex: CRC-32C of `key=value\n` of the entries above, in
//!                    file order
//! hourglass.file     8 hex: CRC-32C of the whole file, with these digits as zeros
//! ```

mod columns;
mod exact;
mod footer;
mod read;
mod source;
mod whole;
mod write;

pub use read::ViewFile;
pub(crate) use whole::differs;
pub(crate) use write::record_batches;
pub use write::{Written, write};

#[cfg(test)]
mod tests;
