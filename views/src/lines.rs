//! The original lines, as they were logged: `cat`.
//!
//! Enters: a range and services. Leaves: the lines of the merged coverage that
//! they let through, byte for byte, by source and then in the order of their
//! files, each with its position. Quarantined lines of this machine are a
//! sample for people and come from `quarantine`.
//!
//! What must hold: a line is given at most once and none is left out, also
//! when its file moves from this machine into the store while it is read: the
//! coverage is fixed first, and reading goes on behind the last line given. No
//! line of this machine is given before its checksum was compared; a closed
//! file of the store is read once, and refused at its end.

use std::io;

use schema::{Micros, Next, Parser, Position, Source};

use crate::coverage::Coverage;
use crate::error::{Result, ViewError};
use crate::extents::{self, Extent, Lines};
use crate::fold::Table;
use crate::input::Place;
use crate::plan::Plan;
use crate::query::{Query, View};
use crate::reader::{Reader, Retries};
use crate::selection::Selection;
use crate::tail;

/// One original line.
#[derive(Debug)]
pub struct Line<'a> {
    /// Who wrote it.
    pub source: &'a Source,
    /// Where it stands: file and offset.
    pub position: Position,
    /// The object, from its `{` to its `}`.
    pub bytes: &'a [u8],
}

/// Gives every line in the range and of the services of `query` to `sink`;
/// its view and bucket width are not used. Returns what the lines were taken
/// from.
///
/// # Errors
/// As for [`query`](crate::query()), and what `sink` says.
pub async fn cat(
    reader: &Reader,
    query: &Query,
    sink: &mut (dyn FnMut(Line<'_>) -> io::Result<()> + Send),
) -> Result<Coverage> {
    let (reader, mut retries) = (&reader.of_lines(), Retries::default());
    let coverage = coverage(reader, &mut retries).await?;
    let mut cat = Cat { parser: Parser::new(&reader.metrics), selection: query.selection(), done: None, sink };
    loop {
        match cat.run(reader, &coverage).await {
            Ok(()) => return Ok(coverage),
            Err(error) => retries.after(error)?,
        }
    }
}

async fn coverage(reader: &Reader, retries: &mut Retries) -> Result<Coverage> {
    loop {
        match Plan::newest(reader, &Selection::nothing(), retries.avoid()).await {
            Ok(plan) => return Ok(plan.coverage(View::Merged)),
            Err(error) => retries.after(error)?,
        }
    }
}

struct Cat<'a> {
    parser: Parser,
    selection: Selection,
    /// The source that lines were last given from, and the position behind them.
    done: Option<(Source, Position)>,
    sink: &'a mut (dyn FnMut(Line<'_>) -> io::Result<()> + Send),
}

impl Cat<'_> {
    async fn run(&mut self, reader: &Reader, coverage: &Coverage) -> Result<()> {
        let (mut behind, nothing) = (self.done.clone(), Table::new(&reader.metrics));
        for extent in extents::of(reader, coverage).await? {
            let mut start = extent.input.range.start;
            if let Some((source, position)) = &behind {
                if extent.source != *source || extent.seq < position.seq {
                    continue;
                }
                start = position.offset;
                behind = None;
            }
            reader.goes_on(&nothing)?;
            if self.may_hold(&extent) {
                self.extent(reader, &extent, start).await?;
            }
        }
        Ok(())
    }

    fn may_hold(&self, extent: &Extent) -> bool {
        let touches = |(least, greatest): (Micros, Micros)| self.selection.touches(least.minute(), greatest.minute());
        extent.times.is_none_or(touches)
    }

    async fn extent(&mut self, reader: &Reader, extent: &Extent, start: u64) -> Result<()> {
        let whole = start == extent.input.range.start && extent.input.expected.is_some();
        let at_its_end = whole && matches!(extent.input.place, Place::Stored(_));
        if !at_its_end {
            check(reader, extent).await?;
        }
        let mut lines = Lines::starting_at(reader, extent, start);
        loop {
            let at = lines.offset();
            let Some(chunk) = lines.next().await? else { break };
            self.chunk(extent, at, &chunk)?;
            self.done = Some((extent.source.clone(), Position::new(extent.seq, lines.offset())));
        }
        let wrong = if at_its_end { lines.check().await? } else { None };
        wrong.map_or(Ok(()), |why| Err(ViewError::dated_file(&extent.input.place, why)))
    }

    /// Gives the wanted lines of `chunk`, which starts at `start` in its file.
    fn chunk(&mut self, extent: &Extent, start: u64, chunk: &[u8]) -> Result<()> {
        let mut at = 0;
        while at < chunk.len() {
            match self.parser.next(&chunk[at..]) {
                Next::Message { message, start: begin, end } => {
                    let minute = message.time.minute();
                    if self.selection.wants_minute(minute) && self.selection.wants_service(message.service) {
                        let bytes = &chunk[at + begin..at + end];
                        let position = Position::new(extent.seq, start + (at + begin) as u64);
                        let line = Line { source: &extent.source, position, bytes };
                        (self.sink)(line).map_err(ViewError::Output)?;
                    }
                    at += end;
                }
                Next::EndOfLine { end } => at += end,
                Next::Reject { .. } | Next::Incomplete => {
                    let why = format!("no message at byte {}", start + at as u64);
                    return Err(ViewError::dated_file(&extent.input.place, why));
                }
            }
        }
        Ok(())
    }
}

/// Compares the checksum of what is sealed around `extent`.
async fn check(reader: &Reader, extent: &Extent) -> Result<()> {
    let Some(sealed) = extent.sealed.clone() else { return Ok(()) };
    let mut around = extent.clone();
    around.input.range = sealed.bytes.clone();
    let mut lines = Lines::new(reader, &around);
    let mut crc32c = 0;
    while let Some(chunk) = lines.next().await? {
        crc32c = crc32c::crc32c_append(crc32c, &chunk);
    }
    tail::compare(&extent.input.place, &sealed, crc32c)
}
