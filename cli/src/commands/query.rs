//! `query`: asks, writes the answer to stdout, and says on stderr what it stands for.

use std::collections::BTreeSet;

use anyhow::Result;
use schema::ServiceName;
use views::{Answer, Query};

use super::range::{Range, Unless, absent};
use crate::answer;
use crate::config::Settings;
use crate::flags::{Format, QueryArgs};
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::{grouped, note};
use crate::stdout::Stdout;

/// Runs `query`.
pub(super) async fn run(args: QueryArgs, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    let Range { from, to, services } = Range::of(&args.range, place.clock.now(), Unless::LastHour)?;
    let query = Query { from, to, services, every: args.every, view: args.view };
    let answer = views::query(&place.reader(), &query).await?;

    let format = answer::format_or_default(args.format);
    let mut out = Stdout::new();
    answer::write(&mut out, &answer, args.view, format, args.range.tz)?;
    out.finish()?;
    explain(&answer, &query.services, format);
    Ok(Outcome::Fine)
}

/// Says what the answer covers, and which services asked for are not in it.
fn explain(answer: &Answer, asked: &BTreeSet<ServiceName>, format: Format) {
    let counted: u64 = answer.rows.iter().map(|row| row.aggregate.msg_num).sum();
    // The table states its range above itself.
    if format != Format::Table {
        note(&format!("{} to {}, every {}", answer.from, answer.to, answer.every));
    }
    note(&format!(
        "{} of {} messages covered are in this range and these services",
        grouped(counted),
        grouped(answer.coverage.messages())
    ));
    for monitor in &answer.coverage.unseen {
        note(&format!("{monitor}: nothing of it can be seen yet"));
    }
    for pending in &answer.coverage.pending {
        let change = if pending.withdrawn { "leaves" } else { "joins" };
        note(&format!("import {} {change} with the next rebuild", pending.import));
    }
    let answered: BTreeSet<_> = answer.rows.iter().map(|row| &row.service).collect();
    for service in asked.iter().filter(|service| !answered.contains(service)) {
        note(&absent(service));
    }
    if answer.rows.is_empty() && asked.is_empty() {
        note("no message in this range; `hourglass services` says which there are");
    }
}
