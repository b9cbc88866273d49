//! `monitors`: who writes to the store, and the end of one that is gone for good.

use std::io::Write;

use anyhow::{Result, anyhow};
use log::Cut;
use log::seal::{self, Known};
use schema::Source;
use storage::layout;

use crate::advice::Advice;
use crate::answer::aligned;
use crate::config::Settings;
use crate::flags::{Gone, MonitorsCommand};
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::{grouped, note};
use crate::stdout::Stdout;

/// Runs `monitors`.
pub(super) async fn run(command: MonitorsCommand, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    match command {
        MonitorsCommand::List => list(&place).await,
        MonitorsCommand::Seal { who } => end(&place, &who).await,
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

/// Seals a monitor, once it is plain which one is meant: the same words again must not end the next one of its name.
async fn end(place: &Place, who: &Gone) -> Result<Outcome> {
    let Gone { id, incarnation } = who;
    let known = seal::known(&*place.store).await?;
    let Some(holder) = known.into_iter().find(|known| known.id == *id) else {
        return Err(anyhow!("no monitor {id} has ever written to the store in {}", place.url)
            .advise("`hourglass monitors list` shows which have"));
    };
    let meant = match incarnation {
        Some(incarnation) => *incarnation == holder.incarnation,
        None => holder.k == 1 || holder.ended.is_some(),
    };
    if !meant {
        let (now, since) = (holder.incarnation, holder.claimed);
        return Err(anyhow!("monitor {id} was sealed before; since {since} incarnation {now} has its id")
            .advise(format!("if that one is gone for good too, say so: `hourglass monitors seal {id}/{now}`")));
    }
    let ended = seal::seal(&*place.store, id, &place.metrics, place.clock.now()).await?;
    let key = layout::cut(&Source::Monitor(id.clone()), ended.generation);
    let last = Cut::open(&key, &place.store.read(&key).await?)?;
    let latest = last.times().map_or(String::new(), |(_, latest)| format!(" up to {latest}"));
    let mut out = Stdout::new();
    writeln!(
        out,
        "monitor {id}, incarnation {}, is sealed: its last generation, {}, has {} messages{latest} and counts with the \
         next rebuild; another machine may start with --id {id}",
        holder.incarnation,
        ended.generation,
        grouped(last.messages()),
    )?;
    out.finish()?;
    Ok(Outcome::Fine)
}
