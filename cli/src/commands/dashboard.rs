//! `dashboard`: answers over HTTP, until a signal.

use anyhow::{Result, anyhow};

use crate::advice::Advice;
use crate::config::Settings;
use crate::instruments;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::roles::doors::Doors;
use crate::roles::{Roster, web};
use crate::signals::drain_on_signal;
use crate::stdout;

/// Serves.
pub(super) async fn run(settings: Settings) -> Result<Outcome> {
    let stop = drain_on_signal()?;
    let place = tokio::select! {
        place = Place::existing(&settings) => place?,
        () = stop.cancelled() => return Ok(Outcome::Fine),
    };
    let doors = Doors::of(&settings)?;
    let dashboard = web::listen(&settings, &doors, true).await?;
    let dashboard =
        dashboard.ok_or_else(|| anyhow!("http.address = off").advise("say where, with --http HOST:PORT"))?;
    stdout::line(&format!("serving http://{}", dashboard.address()))?;
    let (registry, roster) =
        (instruments::registry(&place.clock), Roster { store: Some(place.clone()), ..Roster::default() });
    let world = web::world(&place, &doors, registry, roster, None);
    tokio::join!(dashboard.serve(world, web::limits(&settings), stop.clone()), doors.follow(stop));
    Ok(Outcome::Fine)
}
