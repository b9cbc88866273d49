//! `verify`: recounts the original lines and compares every view with them.

use std::io::Write;

use anyhow::{Result, anyhow};
use views::{Counting, Verdict, Verify};
use views::{Every, Query, View};

use super::range::{Range, Unless};
use crate::advice::Advice;
use crate::config::Settings;
use crate::flags::VerifyArgs;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::{Progress, bytes, grouped, note};
use crate::stdout::Stdout;

/// Runs `verify`: 0 if nothing differs, 1 if something does.
pub(super) async fn run(args: VerifyArgs, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    if args.deep && log::Identity::read(&*place.disk, &place.folder)?.is_none() {
        return Err(anyhow!("there is no monitor's data folder here to compare with {}", place.url)
            .advise("run verify --deep on a monitor's machine with its --data DIR, or leave --deep out"));
    }
    let range = Range::of(&args.range, place.clock.now(), Unless::Everything)?;
    range.explain(&place).await;
    let Range { from, to, services } = range;
    let query = Query { from, to, services, every: Every::Minute, view: View::Merged };
    let verdict = verify(&place, Verify { deep: args.deep, ..Verify::of(query) }).await?;
    if verdict.messages == 0 {
        note("no message in this range; `hourglass services` says which there are");
    }
    report(&verdict)
}

/// Verifies, showing how far it is.
pub(super) async fn verify(place: &Place, what: Verify) -> Result<Verdict> {
    let shown = Progress::start("verify");
    let mut at = |Counting { bytes: done, total_bytes }| {
        shown.at(done, Some(total_bytes), || format!("{} of {} recounted", bytes(done), bytes(total_bytes)));
    };
    Ok(views::verify(&place.reader(), &what, &mut at).await?)
}

/// Prints what was covered, each difference, and one line that says it all.
pub(super) fn report(verdict: &Verdict) -> Result<Outcome> {
    let mut out = Stdout::new();
    write!(out, "{}", verdict.coverage)?;
    for difference in &verdict.differences {
        writeln!(out, "{difference}")?;
    }
    let unshown = verdict.found.saturating_sub(verdict.differences.len() as u64);
    if unshown > 0 {
        writeln!(out, "and {} more", grouped(unshown))?;
    }
    if verdict.compared > 0 {
        writeln!(out, "{} here compared with the store's copy, byte by byte", bytes(verdict.compared))?;
    }
    let found = match verdict.found {
        0 => "no difference".to_owned(),
        1 => "1 DIFFERENCE".to_owned(),
        more => format!("{} DIFFERENCES", grouped(more)),
    };
    writeln!(
        out,
        "verified: {} messages ({} of original lines) recounted by a separate implementation, {} rows of the merged, \
         batch and realtime views compared: {found}",
        grouped(verdict.messages),
        bytes(verdict.bytes),
        grouped(verdict.rows),
    )?;
    out.finish()?;
    Ok(if verdict.found == 0 { Outcome::Fine } else { Outcome::Differs })
}
