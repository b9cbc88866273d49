//! `up`, `monitor`, `scheduler`: start the roles, say that they are ready, drain at the first signal.

use anyhow::Result;

use crate::config::Settings;
use crate::folder::not_made;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::roles::{Roles, Running};
use crate::signals::drain_on_signal;
use crate::stdout;

/// Runs `roles` until a signal, or until one of them cannot go on.
pub(super) async fn run(roles: Roles, settings: Settings) -> Result<Outcome> {
    let stop = drain_on_signal()?;
    let place = tokio::select! {
        place = Place::existing_or_new(&settings) => place.map_err(not_made)?,
        () = stop.cancelled() => return Ok(Outcome::Fine),
    };
    if let Some(why) = &place.away {
        tracing::warn!(why, "starting without the store, with what the data folder remembers of it");
    }
    place.remember()?;
    let running = Running::start(&place, &settings, roles, stop).await?;
    let mut ready = match (running.address, running.next_tick) {
        (Some(address), _) => format!("listening on {address}"),
        (None, Some(tick)) => format!("scheduling, next rebuild at {tick}"),
        (None, None) => "scheduling, no rebuild to come".to_owned(),
    };
    if let Some(address) = running.http {
        ready += &format!("\nserving http://{address}");
    }
    // At once: who reads one line and goes is not to end it.
    stdout::line(&ready)?;
    running.ended().await?;
    Ok(Outcome::Fine)
}
