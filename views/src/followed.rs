//! The log's end, followed: what no view holds yet is parsed once, not by each question anew.
//!
//! Enters: a reading of the open generation's log that goes on where the one before ended. Leaves: the rows of every
//! message behind the newest realtime view. What must hold: the rows are those of the bytes between that view's end
//! and the mark, no more and no fewer; with another view, another generation or another life of the monitor it begins
//! anew.

use std::sync::Arc;

use log::{GenerationLog, JournalMark};
use schema::{Incarnation, Micros, Position};
use storage::layout::RealtimeName;

use crate::chain::slice;
use crate::error::Result;
use crate::fold::Table;
use crate::held_rows::HeldRows;
use crate::own::Own;
use crate::reader::Reader;
use crate::selection::Selection;
use crate::tail;

/// Rows that are kept from one reading to the next: more begin anew each time.
const MOST: u64 = 16 << 20;

/// How far it has been followed.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    incarnation: Incarnation,
    /// The view behind which it begins; without one, the generation's start.
    base: Option<RealtimeName>,
    /// Where it ends.
    pub(crate) mark: JournalMark,
    /// What lies between.
    pub(crate) rows: Arc<HeldRows>,
    /// The greatest Timestamp there.
    pub(crate) latest: Option<Micros>,
}

impl Followed {
    /// Whether it begins behind `base`.
    pub(crate) fn begins_at(&self, base: Option<&RealtimeName>) -> bool {
        self.base.as_ref() == base
    }

    /// Whether it is of the open generation of `own`, behind `base`.
    fn is_of(&self, own: &Own, log: &GenerationLog, base: Option<&RealtimeName>) -> bool {
        self.begins_at(base) && self.incarnation == own.log.incarnation && self.mark.generation == log.generation
    }

    /// Follows the open generation's `log` from `from`, where `base` ends, on to its end.
    pub(crate) async fn on(
        reader: &Reader,
        own: &Own,
        log: &GenerationLog,
        base: Option<RealtimeName>,
        from: Position,
    ) -> Result<Self> {
        let before = own.followed.as_ref().filter(|before| before.is_of(own, log, base.as_ref()));
        let start = before.map_or(from, |before| before.mark.position);
        let mut table = Table::new(&reader.metrics);
        if let Some(before) = before {
            before.rows.read(&Selection::everything(), |row| table.merge_row(row));
        }
        let stretches: Vec<_> = own.log.slices(start..log.last.position)?.iter().map(slice).collect();
        tail::fold(reader, &stretches, &mut table).await?;
        Ok(Followed {
            incarnation: own.log.incarnation,
            base,
            mark: log.last,
            rows: Arc::new(HeldRows::of(&table)),
            latest: log.latest.max(before.and_then(|before| before.latest)),
        })
    }

    /// Keeps it for the next reading, unless it has become large.
    pub(crate) fn keep(self, reader: &Reader) {
        if let Some(cache) = &reader.cache {
            *cache.followed.lock() = Some(self).filter(|followed| followed.rows.held_bytes() <= MOST);
        }
    }
}
