//! The schedule that a role of this data folder last started with, for those who judge by it whether it is late.
//!
//! # Format
//! `schedule.json`, replaced at each start: `{"cron":"0 * * * *","timezone":"UTC"}`. Only a hint: where it is not
//! there, or cannot be read, nobody is called late.

use anyhow::Result;
use scheduler::Schedule;
use serde::{Deserialize, Serialize};
use storage::publish_replacing;

use crate::config::Settings;
use crate::open::Place;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    cron: String,
    timezone: String,
}

/// Keeps the schedule of a role that starts.
pub(super) fn keep(place: &Place, settings: &Settings) -> Result<()> {
    let (cron, timezone) = (settings.schedule_cron.0.clone(), settings.schedule_timezone.name().to_owned());
    let kept = serde_json::to_vec(&Kept { cron, timezone })?;
    Ok(publish_replacing(&*place.disk, &place.folder.schedule(), &kept)?)
}

/// The schedule that was kept last.
pub(crate) fn last(place: &Place) -> Option<Schedule> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(place.folder.schedule()).ok()?).ok()?;
    Schedule::parse(&kept.cron, &kept.timezone).ok()
}
