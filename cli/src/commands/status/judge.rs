//! What is wrong, in words: empty if all is healthy.

use monitor::Activity;
use scheduler::Schedule;
use schema::Micros;

use super::gather::State;
use crate::roles::LATE;

/// A live monitor writes its status each second; after this it counts as gone.
const SILENT: i64 = 5_000_000;

/// Every problem there is.
pub(super) fn problems(state: &State, now: Micros, schedule: Option<&Schedule>) -> Vec<String> {
    let mut problems = state.unreadable.clone();
    problems.extend(monitor(state, now));
    problems.extend(schedule.map(|schedule| overdue(state, now, schedule)).unwrap_or_default());
    problems
}

/// What is wrong with the monitor of this data folder, if one lives here.
fn monitor(state: &State, now: Micros) -> Vec<String> {
    let Some(identity) = &state.identity else { return Vec::new() };
    let id = &identity.id;
    let silent = state.age(now).is_none_or(|age| age > SILENT);
    let Some(live) = state.live.as_ref().filter(|live| !silent && live.state != Activity::Stopped) else {
        let stopped = state.live.as_ref().filter(|live| live.state == Activity::Stopped);
        let reason = stopped.and_then(|live| live.reason.as_deref());
        let next = reason.unwrap_or("start it with `hourglass up` or `hourglass monitor`");
        return vec![format!("monitor {id} is not running: {next}")];
    };
    let mut problems = Vec::new();
    if live.state == Activity::Blocked {
        problems.push(format!(
            "monitor {id} takes nothing in: {}",
            live.reason.as_deref().unwrap_or("it does not say why")
        ));
    }
    if let Some(warning) = &live.warning {
        problems.push(format!("monitor {id}: {warning}"));
    }
    if let Some(error) = &live.upload_error {
        problems.push(format!("monitor {id} cannot upload: {error}"));
    }
    problems
}

/// Rotations and rebuilds whose tick is long past.
fn overdue(state: &State, now: Micros, schedule: &Schedule) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(tick) = schedule.previous(now.saturating_add(-LATE)) else { return problems };
    if let Some(open) = state.log.as_ref().and_then(|log| log.generations.last())
        && open.tick < tick
    {
        problems.push(format!(
            "generation {} is open since {} and should have rotated at {tick}",
            open.generation, open.tick
        ));
    }
    for (id, cut) in &state.cuts {
        let covered = state.manifest.as_ref().and_then(|manifest| manifest.monitor(id));
        if cut.tick <= tick && covered.is_none_or(|covered| covered.generation < cut.generation) {
            problems.push(format!(
                "no batch view covers generation {} of {id}, cut at {}: is a scheduler running?",
                cut.generation, cut.tick
            ));
        }
    }
    problems
}
