//! Answers against the count, row by row and column by column.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use schema::{MetricAggregate, Minute};

use super::{Difference, Pass};
use crate::error::{Result, ViewError};
use crate::fold::{Row, Table};
use crate::query::{Every, View};
use crate::recount::{PlainMetric, PlainRow, Recount};
use crate::selection::Selection;

impl Pass<'_> {
    /// Compares the three answers for `minutes` with what was counted.
    pub(super) async fn compare(&mut self, minutes: Range<u32>, counts: &[Recount; 2]) -> Result<()> {
        let [batch, realtime] = counts;
        let mut merged: Rows<'_> = Rows::new();
        for ((minute, service), row) in batch.rows().iter().chain(realtime.rows()) {
            let key = (*minute, service.as_str());
            merged.entry(key).and_modify(|sum| sum.absorb(row)).or_insert_with(|| row.clone());
        }
        merged.retain(|(minute, _), _| minutes.contains(minute));
        self.verdict.messages += merged.values().map(|row| row.messages).sum::<u64>();
        self.compare_view(View::Batch, &minutes, &within(batch, &minutes)).await?;
        self.compare_view(View::Realtime, &minutes, &within(realtime, &minutes)).await?;
        self.compare_view(View::Merged, &minutes, &merged).await
    }

    async fn compare_view(&mut self, view: View, minutes: &Range<u32>, counted: &Rows<'_>) -> Result<()> {
        let answers = self.answers.take();
        let taken;
        let table = match &answers {
            Some(answers) => answers.of(view),
            None => {
                let bound = |minute| Minute::new(minute).unwrap_or(Minute::MAX);
                let selection = Selection::minutes(bound(minutes.start)..bound(minutes.end));
                taken = self.take_answer(view, selection).await?;
                taken.as_ref()
            }
        };
        if let Some(table) = table {
            let rows = table.rows_by_time();
            let rows = rows.iter().filter(|row| minutes.contains(&row.minute.get()));
            let answered = rows.map(|row| ((row.minute.get(), row.service.as_str()), plain(row)));
            self.compare_rows(view, counted, &answered.collect());
        }
        self.answers = answers;
        Ok(())
    }

    /// The three answers to the whole question.
    pub(super) async fn take_answers(&mut self) -> Result<Answers> {
        let mut tables = Vec::new();
        for view in Answers::VIEWS {
            tables.push(self.take_answer(view, Selection::minutes(self.verify.query.minutes())).await?);
        }
        Ok(Answers(tables))
    }

    /// One answer; none where a file behind it is damaged, which is a difference.
    async fn take_answer(&mut self, view: View, mut selection: Selection) -> Result<Option<Table>> {
        let services = &self.verify.query.services;
        if !services.is_empty() {
            selection = selection.of_services(services.iter().cloned());
        }
        let mut table = Table::selecting(&self.reader.metrics, selection.clone());
        match self.plan.fold(self.reader, view, &selection, Every::Minute, &mut table).await {
            Ok(()) => Ok(Some(table)),
            Err(ViewError::Corrupt { name, why } | ViewError::DatedFile { name, why }) => {
                self.file(&name, why);
                Ok(None)
            }
            Err(error) => Err(error),
        }
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

/// An answer a view, all of one plan.
pub(super) struct Answers(Vec<Option<Table>>);

impl Answers {
    const VIEWS: [View; 3] = [View::Batch, View::Realtime, View::Merged];

    fn of(&self, view: View) -> Option<&Table> {
        let at = Self::VIEWS.iter().position(|&taken| taken == view)?;
        self.0.get(at)?.as_ref()
    }
}

/// Rows by minute and service.
type Rows<'a> = BTreeMap<(u32, &'a str), PlainRow>;

fn within<'a>(count: &'a Recount, minutes: &Range<u32>) -> Rows<'a> {
    let rows = count.rows().iter().filter(|((minute, _), _)| minutes.contains(minute));
    rows.map(|((minute, service), row)| ((*minute, service.as_str()), row.clone())).collect()
}

/// An answer's row in the recount's terms.
fn plain(row: &Row<'_>) -> PlainRow {
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
