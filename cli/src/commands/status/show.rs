//! The status as text and as JSON.

use std::fmt::Write as _;

use anyhow::Result;
use monitor::AckAfter;
use serde_json::{Value, json};

use super::gather::State;
use crate::kept::Kept;
use crate::open::Place;
use crate::progress::{bytes, grouped};

/// For people: a line a fact.
pub(super) fn text(place: &Place, state: &State, problems: &[String]) -> String {
    let mut out = String::new();
    let mut line = |name: &str, words: String| {
        let _ = writeln!(out, "{name:10}  {words}");
    };
    line(
        "data",
        place.own_data().map_or("none given: what the store shows".to_owned(), |data| data.display().to_string()),
    );
    line("store", format!("{}, metrics {}", place.url, place.metrics));
    if let Some(kept) = &state.kept {
        line("", kept.to_string());
    }
    if let Some(identity) = &state.identity {
        line("monitor", format!("{}, incarnation {}", identity.id, identity.incarnation));
    }
    if let Some((log, open)) = state.log.as_ref().and_then(|log| Some((log, log.generations.last()?))) {
        let messages = grouped(open.last.messages);
        line("durable", format!("{messages} messages, up to {} in generation {}", log.durable, open.generation));
    }
    if let Some(live) = &state.live {
        let activity = format!("{:?}", live.state).to_lowercase();
        line("live", format!("{activity} on {}, as of {}", live.address, live.time));
        line(
            "",
            format!("{} connections, {:.0} messages/s", grouped(live.connections as u64), live.messages_per_second),
        );
        line(
            "uploaded",
            format!(
                "up to {}, cut {}{}",
                live.uploaded,
                live.cut.map_or("none".to_owned(), |cut| cut.to_string()),
                live.upload_behind_since.as_ref().map_or(String::new(), |since| {
                    format!("; {} bytes behind since {since}", grouped(live.upload_lag))
                })
            ),
        );
        line(
            "acks",
            match live.ack_after {
                AckAfter::Local => "once fsynced on this machine".to_owned(),
                AckAfter::Store => "once durable in the store".to_owned(),
            },
        );
        if let Some(room) = live.room {
            line("room", format!("{} more before the monitor stops reading", bytes(room)));
        }
        for (reason, count) in rejected(live) {
            line("rejected", format!("{} {reason}", grouped(count)));
        }
    }
    match &state.manifest {
        Some(manifest) => {
            let (messages, services) = (grouped(manifest.messages()), state.services);
            line("batch", format!("manifest {}: {messages} messages of {services} services", manifest.number));
            line("", format!("up to the tick at {}, built at {}", manifest.latest_tick, manifest.built_at));
        }
        None => line("batch", "nothing built yet".to_owned()),
    }
    for covered in
        state.coverage.iter().flat_map(|coverage| coverage.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
    {
        line("answers", covered);
    }
    match problems {
        [] => line("health", "no problem".to_owned()),
        problems => problems.iter().for_each(|problem| line("PROBLEM", problem.clone())),
    }
    out
}

/// One object.
pub(super) fn json(place: &Place, state: &State, problems: &[String]) -> Result<String> {
    let open = state.log.as_ref().and_then(|log| log.generations.last());
    let monitor = state.identity.as_ref().map(|identity| {
        json!({
            "id": identity.id,
            "incarnation": identity.incarnation,
            "generation": open.map(|open| open.generation),
            "since": open.map(|open| open.tick.to_string()),
            "durable": state.log.as_ref().map(|log| log.durable.to_string()),
            "messages": open.map(|open| open.last.messages),
            "live": state.live,
        })
    });
    let batch = state.manifest.as_ref().map(|manifest| {
        json!({
            "manifest": manifest.number,
            "built_at": manifest.built_at.to_string(),
            "latest_tick": manifest.latest_tick.to_string(),
            "messages": manifest.messages(),
            "services": state.services,
            "content": manifest.content,
        })
    });
    let status: Value = json!({
        "data": place.own_data().map(|data| data.display().to_string()),
        "store": place.url.to_string(),
        "kept": state.kept.as_ref().map(Kept::json),
        "metrics": place.metrics,
        "monitor": monitor,
        "batch": batch,
        "coverage": state.coverage.as_ref().map(views::covered).transpose()?,
        "problems": problems,
    });
    Ok(serde_json::to_string_pretty(&status)? + "\n")
}

/// What was rejected and why, most frequent first.
pub(super) fn rejected(live: &monitor::Status) -> Vec<(&'static str, u64)> {
    let mut counts: Vec<_> =
        live.rejected.iter().filter(|(_, count)| *count > 0).map(|(reason, count)| (reason.as_str(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
