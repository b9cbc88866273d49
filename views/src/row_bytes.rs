//! The canonical bytes of a row: what checksums cover and spilled runs hold.
//!
//! # Format
//! ```text
//! u8        length of the service name
//! bytes     the service name
//! u32       minute since 1970
//! u64       msg_num
//! a metric, in the store's order:
//!   i128    sum, millionths
//!   i64     max, millionths
//!   i64     time of the max, us since 1970
//! ```
//! All numbers little endian, nothing between rows. Two rows are equal exactly
//! if their bytes are.

use schema::{MetricAggregate, Micros, Millionths, Minute, ServiceName};

use crate::fold::Row;

/// Bytes of a metric.
const METRIC: usize = 32;

/// Appends the canonical bytes of `row`.
pub(crate) fn encode(row: &Row<'_>, out: &mut Vec<u8>) {
    let name = row.service.as_str().as_bytes();
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    out.extend_from_slice(&row.minute.get().to_le_bytes());
    out.extend_from_slice(&row.msg_num.to_le_bytes());
    for metric in row.metrics {
        out.extend_from_slice(&metric.sum.to_le_bytes());
        out.extend_from_slice(&metric.max.get().to_le_bytes());
        out.extend_from_slice(&metric.max_time.get().to_le_bytes());
    }
}

/// A row on its own; merged into, or decoded into again.
#[derive(Clone, Debug)]
pub(crate) struct OwnedRow {
    pub(crate) service: ServiceName,
    pub(crate) minute: Minute,
    pub(crate) msg_num: u64,
    pub(crate) metrics: Vec<MetricAggregate>,
}

impl OwnedRow {
    /// The row of `width` metrics that `bytes` begins with, and its length;
    /// `None` if `bytes` ends before it does or is no row.
    pub(crate) fn decode(bytes: &[u8], width: usize) -> Option<(OwnedRow, usize)> {
        let (&length, rest) = bytes.split_first()?;
        let name = std::str::from_utf8(rest.get(..usize::from(length))?).ok()?;
        let service = ServiceName::new(name).ok()?;
        let mut row = OwnedRow { service, minute: Minute::MAX, msg_num: 0, metrics: Vec::with_capacity(width) };
        row.decode_again(bytes, width).map(|length| (row, length))
    }

    /// As `decode`, into this row, allocating only for another service.
    pub(crate) fn decode_again(&mut self, bytes: &[u8], width: usize) -> Option<usize> {
        let (&length, rest) = bytes.split_first()?;
        let (name, mut rest) = rest.split_at_checked(usize::from(length))?;
        if rest.len() < 12 + width * METRIC {
            return None;
        }
        if self.service.as_bytes() != name {
            self.service = ServiceName::new(std::str::from_utf8(name).ok()?).ok()?;
        }
        self.minute = Minute::new(u32::from_le_bytes(take(&mut rest)?))?;
        self.msg_num = u64::from_le_bytes(take(&mut rest)?);
        self.metrics.clear();
        for _ in 0..width {
            self.metrics.push(MetricAggregate {
                sum: i128::from_le_bytes(take(&mut rest)?),
                max: Millionths::new(i64::from_le_bytes(take(&mut rest)?))?,
                max_time: Micros::new(i64::from_le_bytes(take(&mut rest)?))?,
            });
        }
        Some(bytes.len() - rest.len())
    }

    /// Takes in another row of the same service and minute.
    pub(crate) fn merge(&mut self, other: &OwnedRow) {
        self.msg_num += other.msg_num;
        self.metrics.iter_mut().zip(&other.metrics).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// The same row, borrowed.
    pub(crate) fn as_row(&self) -> Row<'_> {
        Row { service: &self.service, minute: self.minute, msg_num: self.msg_num, metrics: &self.metrics }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}
