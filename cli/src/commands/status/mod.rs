//! `status`: what is durable, uploaded, covered and waiting. Read from the files alone, so it works whether or not
//! anything runs.

mod gather;
mod judge;
mod show;

use anyhow::Result;
use scheduler::Schedule;

use crate::config::Settings;
use crate::flags::{StatusArgs, StatusFormat};
use crate::open::Place;
use crate::outcome::Outcome;

pub(super) use gather::State;

/// Runs `status`. With `--check`: 1 if there is a problem.
pub(super) async fn run(args: StatusArgs, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    let schedule = Schedule::parse(&settings.schedule_cron.0, settings.schedule_timezone.name())?;
    let state = State::gather(&place).await;
    let problems = judge::problems(&state, place.clock.now(), &schedule);
    let text = match args.format {
        StatusFormat::Table => show::text(&place, &state, &problems),
        StatusFormat::Json => show::json(&place, &state, &problems)?,
    };
    super::print(text.as_bytes())?;
    Ok(if args.check && !problems.is_empty() { Outcome::Differs } else { Outcome::Fine })
}
