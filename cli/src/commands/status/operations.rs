//! The status for the dashboard's pages: the same facts and judgements as `hourglass status`, in its types; and a sample
//! of the lines that were rejected on this machine.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use async_trait::async_trait;
use dashboard::{Everything, Here, Operations, OwnGeneration, OwnMonitor, PublishedCut, Quarantined};
use monitor::Activity;
use schema::Micros;
use serde_json::Value;

use super::gather::State;
use super::{judge, show};
use crate::open::Place;
use crate::progress::{bytes, grouped};
use crate::roles::last_schedule;

/// Rejected lines that are shown.
const SHOWN: usize = 20;
/// Where they are looked for: so many bytes at the end of a day's sample, of this many days.
const TAIL: u64 = 64 << 10;
const DAYS: usize = 3;
/// Minutes after which the store is said to be behind.
const BEHIND: i64 = 5;

/// Tells a dashboard of the place it serves.
#[derive(Debug)]
pub(crate) struct Operator(pub(crate) Place);

#[async_trait]
impl Operations for Operator {
    fn here(&self) -> Here {
        let mut state = State::default();
        state.gather_own(&self.0);
        let now = self.0.clock.now();
        let mut problems = judge::problems(&state, now, None);
        problems.extend(state.live.as_ref().and_then(|live| behind(live, now)));
        let address = state.live.as_ref().filter(|live| live.state != Activity::Stopped);
        Here { address: address.map(|live| live.address.to_string()), problems }
    }

    async fn everything(&self) -> Everything {
        let place = &self.0;
        let state = State::gather(place).await;
        let problems = judge::problems(&state, place.clock.now(), last_schedule(place).as_ref());
        let json = show::json(place, &state, &problems).ok();
        let kept = state.kept.as_ref().map_or(String::new(), |kept| format!("; {kept}"));
        Everything {
            store: format!("Store {}, metrics {}{kept}", place.url, place.metrics),
            own: own(&state),
            cuts: cuts(&state),
            quarantine: quarantine(&place.folder.quarantine_folder()),
            json: json.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null),
            problems,
        }
    }
}

/// Whether the store lacks what is committed here for longer than an upload takes.
fn behind(live: &monitor::Status, now: Micros) -> Option<String> {
    let since: Micros = live.upload_behind_since.as_ref()?.parse().ok()?;
    let minutes = (now.get() - since.get()) / 60_000_000;
    let lag = bytes(live.upload_lag);
    (minutes >= BEHIND).then(|| format!("the store lacks {lag} of monitor {}, for {minutes} min", live.monitor))
}

/// The monitor of the data folder.
fn own(state: &State) -> Option<OwnMonitor> {
    let identity = state.identity.as_ref()?;
    let log = state.log.as_ref();
    let generations = log.into_iter().flat_map(|log| &log.generations).map(|one| OwnGeneration {
        generation: one.generation.get(),
        opened: one.tick,
        cut: one.closed.as_ref().map(|closed| closed.cut.to_string()),
        messages: one.last.messages,
    });
    let mut facts = vec![("Incarnation", identity.incarnation.to_string())];
    if let Some(log) = log {
        facts.push(("Durable up to", log.durable.to_string()));
    }
    let mut own = OwnMonitor {
        id: identity.id.to_string(),
        activity: "not running".to_owned(),
        generations: generations.collect(),
        ..OwnMonitor::default()
    };
    if let Some(live) = &state.live {
        let activity = format!("{:?}", live.state).to_lowercase();
        own.activity = format!("{activity} on {}", live.address);
        facts.push(("Messages a second", format!("{:.0}", live.messages_per_second)));
        facts.push(("Connections", grouped(live.connections as u64)));
        facts.push(("Uploaded up to", live.uploaded.to_string()));
        facts.push(("Newest cut in the store", live.cut.map_or("none".to_owned(), |cut| cut.to_string())));
        let behind = live.upload_behind_since.as_ref().map_or(String::new(), |since| format!(" since {since}"));
        facts.push(("Not yet uploaded", format!("{}{behind}", bytes(live.upload_lag))));
        facts.extend(live.room.map(|room| ("Room before it stops reading", bytes(room))));
        own.rejected = show::rejected(live).into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
    }
    own.facts = facts;
    Some(own)
}

fn cuts(state: &State) -> Vec<PublishedCut> {
    let cut = |(monitor, cut): &(schema::MonitorId, log::Cut)| PublishedCut {
        monitor: monitor.to_string(),
        generation: cut.generation.get(),
        tick: cut.tick,
        messages: cut.messages(),
    };
    state.cuts.iter().map(cut).collect()
}

/// The last rejected lines that were kept, the newest first. They are a sample: what cannot be read is left out.
fn quarantine(folder: &Path) -> Vec<Quarantined> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let tails = files.iter().rev().take(DAYS).filter_map(|path| tail(path).ok());
    let mut kept: Vec<_> = tails.flat_map(|text| text.lines().filter_map(rejected).collect::<Vec<_>>()).collect();
    kept.sort_by_key(|one| std::cmp::Reverse(one.time));
    kept.truncate(SHOWN);
    kept
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A kept line; `None` for one that a crash, or the start of the tail, has cut.
fn rejected(line: &str) -> Option<Quarantined> {
    let kept: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| kept[name].as_str().map(str::to_owned);
    let time = text("time")?.parse().ok()?;
    Some(Quarantined { time, peer: text("peer")?, reason: text("reason")?, line: text("line")? })
}
