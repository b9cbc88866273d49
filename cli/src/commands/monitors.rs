//! `monitors`: who writes to the store, and the end of one that is gone for good.

use std::io::Write;

use anyhow::Result;
use log::seal::{self, Known};
use schema::MonitorId;

use crate::answer::aligned;
use crate::config::Settings;
use crate::flags::MonitorsCommand;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::note;
use crate::stdout::Stdout;

/// Runs `monitors`.
pub(super) async fn run(command: MonitorsCommand, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    match command {
        MonitorsCommand::List => list(&place).await,
        MonitorsCommand::Seal { id } => end(&place, &id).await,
    }
}

async fn list(place: &Place) -> Result<Outcome> {
    let known = seal::known(&*place.store).await?;
    let header = ["monitor", "incarnation", "claimed", "newest cut", "state"].map(str::to_owned);
    let cells = |one: &Known| {
        let cut = one.cut.map_or("none".to_owned(), |(generation, tick)| format!("{generation}, of {tick}"));
        let state = match (&one.ended, one.fenced) {
            (Some(ended), _) => format!("sealed {}", ended.time),
            (None, true) => "being sealed: run `hourglass monitors seal` again".to_owned(),
            (None, false) => "open".to_owned(),
        };
        vec![one.id.to_string(), format!("{} ({})", one.incarnation, one.k), one.claimed.to_string(), cut, state]
    };
    let mut out = Stdout::new();
    writeln!(out, "{}", aligned(header.to_vec(), known.iter().map(cells), 5))?;
    out.finish()?;
    if known.is_empty() {
        note("no monitor has ever written to this store");
    }
    Ok(Outcome::Fine)
}

async fn end(place: &Place, id: &MonitorId) -> Result<Outcome> {
    let ended = seal::seal(&*place.store, id, &place.metrics, place.clock.now()).await?;
    let mut out = Stdout::new();
    writeln!(
        out,
        "monitor {id} is sealed: generation {} is its last and counts with the next rebuild; another machine may start \
         with --id {id}",
        ended.generation
    )?;
    out.finish()?;
    Ok(Outcome::Fine)
}
