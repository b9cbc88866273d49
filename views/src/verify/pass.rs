//! One verification of one plan: answers first, then the count, pass by pass.
//!
//! Enters: a plan. Leaves: a verdict. What must hold: an extent whose lines
//! cannot all be counted is a difference that says what it takes away, and rows
//! of its time are not blamed on the views.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use schema::{Minute, Read};

use super::answers::STEP;
use super::{Counting, Difference, Verdict, Verify};
use crate::error::{Result, ViewError};
use crate::extents::{self, Extent};
use crate::plan::Plan;
use crate::query::View;
use crate::reader::Reader;
use crate::recount::{PlainColumn, Recount};

/// Differences kept; more are only counted.
const KEPT: usize = 1000;
/// How many times the rows of a pass are taken of an answer at once.
const ANSWER: u64 = 5;

/// One verification of one plan.
pub(super) struct Pass<'a> {
    pub(super) reader: &'a Reader,
    pub(super) verify: &'a Verify,
    pub(super) plan: &'a Plan,
    pub(super) verdict: Verdict,
    /// Minutes of which a view's lines could not all be counted.
    uncounted: Vec<(View, Range<u32>)>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(reader: &'a Reader, verify: &'a Verify, plan: &'a Plan) -> Self {
        let verdict = Verdict {
            coverage: plan.coverage(View::Merged),
            messages: 0,
            bytes: 0,
            rows: 0,
            files: 0,
            compared: 0,
            differences: Vec::new(),
            found: 0,
        };
        Pass { reader, verify, plan, verdict, uncounted: Vec::new() }
    }

    pub(super) async fn run(mut self, progress: &mut (dyn FnMut(Counting) + Send)) -> Result<Verdict> {
        let batch = extents::of(self.reader, &self.plan.coverage(View::Batch)).await?;
        let realtime = extents::of(self.reader, &self.plan.coverage(View::Realtime)).await?;
        self.check_files().await?;
        if self.verify.deep {
            self.compare_copies().await?;
        }
        let answers = self.take_answers(self.verify.rows as u64 * ANSWER).await?;

        let mut total_bytes: u64 = batch.iter().chain(&realtime).map(Extent::bytes).sum();
        let minutes = self.verify.query.minutes();
        let mut from = minutes.start;
        while from < minutes.end {
            let window = from.get()..minutes.end.get();
            let mut counts = [self.recount(window.clone()), self.recount(window.clone())];
            let sides = [(View::Batch, &batch), (View::Realtime, &realtime)];
            for (count, (view, extents)) in counts.iter_mut().zip(sides) {
                for extent in extents {
                    if !extent.may_hold(from.get()..count.ceiling()) {
                        continue;
                    }
                    self.count(view, extent, count).await?;
                    total_bytes = total_bytes.max(self.verdict.bytes);
                    progress(Counting { bytes: self.verdict.bytes, total_bytes });
                }
            }
            let end = counts.iter().map(Recount::ceiling).min().unwrap_or(window.end);
            self.compare(&answers, window.start..end, &counts).await?;
            from = Minute::new(end).unwrap_or(minutes.end);
        }
        Ok(self.verdict)
    }

    fn recount(&self, minutes: Range<u32>) -> Recount {
        let metrics = self.reader.metrics.iter();
        let columns = metrics.map(|metric| PlainColumn {
            name: metric.name.as_str().to_owned(),
            utilisation: metric.read == Read::Utilisation,
        });
        let services = &self.verify.query.services;
        let names = services.iter().map(|name| name.as_str().to_owned());
        let services = (!services.is_empty()).then(|| names.collect::<BTreeSet<_>>());
        Recount::new(columns.collect(), services, minutes, STEP, self.verify.rows)
    }
}

impl Pass<'_> {
    /// Counts the lines of `extent`, and checks that it is what its cut says.
    async fn count(&mut self, view: View, extent: &Extent, recount: &mut Recount) -> Result<()> {
        let mut lines = extents::Lines::new(self.reader, extent);
        loop {
            let chunk = match lines.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(ViewError::DatedFile { why, .. }) => {
                    self.lost(view, extent, why);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            self.verdict.bytes += chunk.len() as u64;
            if let Err(why) = recount.count(&chunk, self.reader.threads) {
                self.lost(view, extent, format!("a line cannot be counted: {why}"));
                return Ok(());
            }
        }
        if let Some(why) = lines.check().await? {
            self.file(&extent.input.place, format!("{why}; in question are {extent}"));
        }
        Ok(())
    }

    /// Notes that the lines of `extent` are not all counted.
    fn lost(&mut self, view: View, extent: &Extent, why: String) {
        self.file(&extent.input.place, format!("{why}; it takes away {extent}"));
        let minutes =
            extent.times.map_or(0..u32::MAX, |(least, greatest)| least.minute().get()..greatest.minute().get() + 1);
        if !self.uncounted.contains(&(view, minutes.clone())) {
            self.uncounted.push((view, minutes));
        }
    }

    /// Whether every line of `view` that falls into `minutes` was counted.
    pub(super) fn is_counted(&self, view: View, minutes: &Range<u32>) -> bool {
        !self.uncounted.iter().any(|(of, lost)| {
            (view == View::Merged || view == *of) && lost.start < minutes.end && minutes.start < lost.end
        })
    }

    pub(super) fn file(&mut self, name: &dyn fmt::Display, why: impl Into<String>) {
        let difference = Difference::File { name: name.to_string(), why: why.into() };
        if !self.verdict.differences.contains(&difference) {
            self.difference(difference);
        }
    }

    pub(super) fn difference(&mut self, difference: Difference) {
        self.verdict.found += 1;
        if self.verdict.differences.len() < KEPT {
            self.verdict.differences.push(difference);
        }
    }
}
