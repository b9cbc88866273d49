//! Answers against the count: by fingerprint, and where these differ row by row
//! and column by column.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use schema::{MetricAggregate, Minute};

use super::Difference;
use super::answers::{Answers, Print, Prints, STEP, VIEWS};
use super::pass::Pass;
use crate::error::Result;
use crate::fold::Row;
use crate::query::View;
use crate::reader::is_gone;
use crate::recount::{PlainMetric, PlainRow, Recount};

impl Pass<'_> {
    /// Compares the three answers for `minutes` with what was counted.
    pub(super) async fn compare(
        &mut self,
        answers: &Answers,
        minutes: Range<u32>,
        counts: &[Recount; 2],
    ) -> Result<()> {
        let [batch, realtime] = counts;
        let mut merged: Rows<'_> = Rows::new();
        for ((minute, service), row) in batch.rows().iter().chain(realtime.rows()) {
            let key = (*minute, service.as_str());
            merged.entry(key).and_modify(|sum| sum.absorb(row)).or_insert_with(|| row.clone());
        }
        merged.retain(|(minute, _), _| minutes.contains(minute));
        self.verdict.messages += merged.values().map(|row| row.messages).sum::<u64>();
        let rows = [within(batch, &minutes), within(realtime, &minutes), merged];
        for (view, counted) in VIEWS.into_iter().zip(&rows) {
            if let Some(prints) = answers.of(view) {
                self.compare_view(view, prints, &minutes, counted).await?;
            }
        }
        Ok(())
    }

    async fn compare_view(
        &mut self,
        view: View,
        answered: &Prints,
        minutes: &Range<u32>,
        counted: &Rows<'_>,
    ) -> Result<()> {
        let mut expected = Prints::new();
        for ((minute, service), row) in counted {
            expected.entry(minute / STEP).or_default().add(*minute, service, row);
        }
        let answered = answered.range(minutes.start / STEP..minutes.end.div_ceil(STEP));
        let steps: BTreeSet<u32> = answered.clone().map(|(step, _)| *step).chain(expected.keys().copied()).collect();
        let answered: Prints = answered.map(|(step, print)| (*step, *print)).collect();
        for step in steps {
            let these = (step * STEP).max(minutes.start)..(step * STEP + STEP).min(minutes.end);
            let print = |prints: &Prints| prints.get(&step).copied().unwrap_or_default();
            let (expected, found): (Print, Print) = (print(&expected), print(&answered));
            if !self.is_counted(view, &these) {
                continue;
            }
            if expected == found {
                self.verdict.rows += expected.rows;
            } else {
                self.show(view, &these, counted).await?;
            }
        }
        Ok(())
    }

    /// Takes the answer for `minutes`, which differs, once more, to say where.
    async fn show(&mut self, view: View, minutes: &Range<u32>, counted: &Rows<'_>) -> Result<()> {
        let before = self.verdict.found;
        match self.take_answer(view, minutes).await {
            Ok(Some(table)) => {
                let rows = table.rows_by_time();
                let answered = rows.iter().map(|row| ((row.minute.get(), row.service.as_str()), plain(row)));
                let counted = counted.iter().filter(|((minute, _), _)| minutes.contains(minute));
                self.compare_rows(view, &counted.map(|(key, row)| (*key, row.clone())).collect(), &answered.collect());
            }
            Ok(None) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
        if self.verdict.found == before {
            let start = |minute| Minute::new(minute).unwrap_or(Minute::MAX).start();
            let (from, to) = (start(minutes.start), start(minutes.end));
            let why = format!("its rows from {from} to {to} differed, and are gone: a newer view has superseded them");
            self.file(&format!("{view} view"), why);
        }
        Ok(())
    }

    fn compare_rows(&mut self, view: View, counted: &Rows<'_>, answered: &Rows<'_>) {
        let nothing = PlainRow::default();
        let keys: BTreeSet<_> = counted.keys().chain(answered.keys()).collect();
        for key in keys {
            self.verdict.rows += 1;
            let expected = counted.get(key).unwrap_or(&nothing);
            let found = answered.get(key).unwrap_or(&nothing);
            if expected != found {
                self.row(view, *key, expected, found);
            }
        }
    }

    fn row(&mut self, view: View, (minute, service): (u32, &str), expected: &PlainRow, found: &PlainRow) {
        let (expected, found) = (self.columns(expected), self.columns(found));
        for ((column, expected), (_, found)) in expected.into_iter().zip(found) {
            if expected != found {
                let minute = Minute::new(minute).unwrap_or(Minute::MAX);
                let service = service.to_owned();
                self.difference(Difference::Row { view, service, minute, column, expected, found });
            }
        }
    }

    /// A row's columns as text; all empty for no row.
    fn columns(&self, row: &PlainRow) -> Vec<(String, String)> {
        let text = |number: Option<i128>| number.map(|number| number.to_string()).unwrap_or_default();
        let number = (row.messages > 0).then_some(i128::from(row.messages));
        let mut columns = vec![("msg_num".to_owned(), text(number))];
        for (at, metric) in self.reader.metrics.iter().enumerate() {
            let (name, found) = (&metric.name, row.metrics.get(at));
            columns.push((name.to_string(), found.map(|found| decimal(found.sum)).unwrap_or_default()));
            columns.push((format!("max_{name}"), found.map(|found| decimal(found.max.into())).unwrap_or_default()));
            columns.push((format!("max_{name}_time"), text(found.map(|found| found.max_time.into()))));
        }
        columns
    }
}

/// Rows by minute and service.
type Rows<'a> = BTreeMap<(u32, &'a str), PlainRow>;

fn within<'a>(count: &'a Recount, minutes: &Range<u32>) -> Rows<'a> {
    let rows = count.rows().iter().filter(|((minute, _), _)| minutes.contains(minute));
    rows.map(|((minute, service), row)| ((*minute, service.as_str()), row.clone())).collect()
}

/// An answer's row in the recount's terms.
pub(super) fn plain(row: &Row<'_>) -> PlainRow {
    let metric = |metric: &MetricAggregate| PlainMetric {
        sum: metric.sum,
        max: metric.max.get(),
        max_time: metric.max_time.get(),
    };
    PlainRow { messages: row.msg_num, metrics: row.metrics.iter().map(metric).collect() }
}

/// Millionths as decimal text.
fn decimal(millionths: i128) -> String {
    let (sign, size) = (if millionths < 0 { "-" } else { "" }, millionths.unsigned_abs());
    format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000)
}
