//! `status`: what is durable, uploaded, covered and waiting. Read from the files alone, so it works whether or not
//! anything runs.

mod gather;
mod judge;
mod operations;
mod show;

use anyhow::Result;
use scheduler::Schedule;

use crate::config::Settings;
use crate::flags::{StatusArgs, StatusFormat};
use crate::open::Place;
use crate::outcome::Outcome;
use crate::roles::last_schedule;

pub(super) use gather::State;
pub(crate) use operations::Operator;

/// Runs `status`. With `--check`: 1 if there is a problem. What is late is judged by the schedule in the settings if
/// it was `chosen`, else by the one that the roles here last started with, if any.
pub(super) async fn run(args: StatusArgs, settings: Settings, chosen: bool) -> Result<Outcome> {
    let place = Place::existing_or_away(&settings).await?;
    let schedule = match chosen {
        true => Some(Schedule::parse(&settings.schedule_cron.0, settings.schedule_timezone.name())?),
        false => last_schedule(&place),
    };
    let state = State::gather(&place).await;
    let problems = judge::problems(&state, place.clock.now(), schedule.as_ref());
    let text = match args.format {
        StatusFormat::Table => show::text(&place, &state, &problems),
        StatusFormat::Json => show::json(&place, &state, &problems)?,
    };
    super::print(text.as_bytes())?;
    Ok(if args.check && !problems.is_empty() { Outcome::Differs } else { Outcome::Fine })
}
