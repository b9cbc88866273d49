//! Freshness: what a page's numbers cover, in one line, and what to be warned of.
//!
//! Enters: an answer's coverage, the manifest in force, and what is known of this machine's monitor. Leaves: the line
//! that stands on every page. What must hold: "complete to" is the least of the monitors' newest Timestamps, so no
//! monitor is ahead of it unseen, and never later than now, whatever a sender's clock says; one that stays behind is
//! named, and after a day of silence no longer waited for.

use std::hash::{DefaultHasher, Hash, Hasher};

use schema::Micros;
use views::{Coverage, Manifest};

use super::reading::{Clocks, grouped};
use crate::operations::Here;

const MINUTE: i64 = 60_000_000;
/// Behind the others by this much a monitor lags.
const LAGS: i64 = 5 * MINUTE;
/// After this it is silent, and nobody waits for it.
const SILENT: i64 = 24 * 60 * MINUTE;
/// What is older than this is said to be.
const OLD: i64 = 2 * MINUTE;
/// What "complete to" means, for whoever points at it.
const COMPLETE: &str = "Every message that the monitors have made durable and the store shows is in; the newest \
                        carries this time. Of several monitors it is that of the one furthest behind; it is never \
                        later than now.";

/// What is covered, and how fresh that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freshness {
    complete: Option<Micros>,
    batch: Option<Micros>,
    monitors: usize,
    imports: usize,
    /// All messages covered.
    pub(super) messages: u64,
    warnings: Vec<String>,
    /// Another one if anything is covered that was not before.
    pub(super) mark: String,
}

impl Freshness {
    pub(super) fn of(coverage: &Coverage, manifest: Option<&Manifest>, here: &Here, now: Micros) -> Self {
        let by_now = |latest: Option<Micros>| latest.map(|time| time.min(now));
        let latest = || coverage.monitors.iter().filter_map(|monitor| by_now(monitor.latest));
        let newest = latest().max();
        let behind = |time: Micros| newest.map_or(0, |newest| newest.get() - time.get());
        let complete = latest().filter(|time| behind(*time) < SILENT).min();
        let imported = || coverage.imports.iter().filter_map(|import| by_now(import.latest)).max();
        let mut warnings = here.problems.clone();
        for monitor in &coverage.monitors {
            if let Some(time) = by_now(monitor.latest).filter(|time| (LAGS..SILENT).contains(&behind(*time))) {
                let minutes = behind(time) / MINUTE;
                warnings.push(format!("monitor {} is {minutes} min behind the others", monitor.monitor));
            }
        }
        let unseen = coverage.unseen.iter();
        warnings.extend(unseen.map(|monitor| format!("nothing of monitor {monitor} can be seen yet")));
        Self {
            complete: complete.or_else(imported),
            batch: manifest.map(|manifest| manifest.latest_tick),
            monitors: coverage.monitors.len(),
            imports: coverage.imports.len(),
            messages: coverage.messages(),
            warnings,
            mark: mark(coverage, manifest),
        }
    }

    /// As a page shows it.
    pub(super) fn line(&self, clocks: &Clocks) -> Line {
        let mut parts = Vec::new();
        let complete = |time: Micros| match clocks.now.get() - time.get() {
            OLD.. => format!("complete to {}, {} ago", clocks.second(time), clocks.age(time)),
            _ => format!("complete to {}", clocks.second(time)),
        };
        parts.push(self.complete.map_or("no message yet".to_owned(), complete));
        parts.push(self.batch.map_or("no batch yet".to_owned(), |tick| format!("batch to {}", clocks.minute(tick))));
        parts.push(counted(self.monitors, "monitor"));
        if self.imports > 0 {
            parts.push(counted(self.imports, "import"));
        }
        parts.push(clocks.name().to_owned());
        let meaning = if self.complete.is_some() { COMPLETE } else { "" };
        Line { parts, meaning, warnings: self.warnings.clone(), mark: self.mark.clone() }
    }
}

/// The line, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) parts: Vec<String>,
    /// What the first part means; empty if it says so itself.
    pub(super) meaning: &'static str,
    pub(super) warnings: Vec<String>,
    pub(super) mark: String,
}

pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(count as u64), if count == 1 { "" } else { "s" })
}

fn mark(coverage: &Coverage, manifest: Option<&Manifest>) -> String {
    let mut hash = DefaultHasher::new();
    for monitor in &coverage.monitors {
        (monitor.monitor.as_str(), monitor.messages, monitor.to.seq, monitor.to.offset).hash(&mut hash);
    }
    for import in &coverage.imports {
        (import.import.to_string(), import.generation.get()).hash(&mut hash);
    }
    (coverage.pending.len(), manifest.map(|manifest| manifest.number)).hash(&mut hash);
    format!("{:016x}", hash.finish())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use schema::{Generation, Incarnation, MonitorId, Position};
    use views::MonitorCoverage;

    use super::*;

    fn covered(monitors: &[(&str, &str)]) -> Coverage {
        let monitor = |(id, latest): &(&str, &str)| MonitorCoverage {
            monitor: MonitorId::new(id).unwrap(),
            incarnation: Incarnation::new(1),
            generation: Generation::new(1),
            from: None,
            to: Position::new(1, 10),
            messages: 5,
            latest: Some(latest.parse().unwrap()),
        };
        Coverage { monitors: monitors.iter().map(monitor).collect(), ..Coverage::default() }
    }

    fn line(coverage: &Coverage) -> Line {
        let clocks = Clocks { zone: Tz::UTC, now: "2026-11-21T08:16:00Z".parse().unwrap() };
        Freshness::of(coverage, None, &Here::default(), clocks.now).line(&clocks)
    }

    #[test]
    fn it_is_complete_to_the_last_of_the_monitors() {
        let both = line(&covered(&[("a", "2026-11-21T08:15:03Z"), ("b", "2026-11-21T08:14:59Z")]));
        assert_eq!(both.parts[..3], ["complete to 08:14:59", "no batch yet", "2 monitors"]);
        assert!(both.warnings.is_empty());
    }

    #[test]
    fn one_that_lags_is_named_and_one_that_is_gone_not_waited_for() {
        let lags = line(&covered(&[("a", "2026-11-21T08:15:03Z"), ("b", "2026-11-21T08:00:03Z")]));
        assert_eq!(lags.parts[0], "complete to 08:00:03, 15 min ago");
        assert_eq!(lags.warnings, ["monitor b is 15 min behind the others"]);
        let gone = line(&covered(&[("a", "2026-11-21T08:15:03Z"), ("b", "2026-11-11T08:00:03Z")]));
        assert_eq!((gone.parts[0].as_str(), gone.warnings.len()), ("complete to 08:15:03", 0));
    }

    #[test]
    fn a_message_ahead_of_now_makes_it_complete_to_now() {
        let ahead = line(&covered(&[("a", "2026-11-21T08:25:00Z")]));
        assert_eq!(ahead.parts[0], "complete to 08:16:00");
        assert!(!ahead.meaning.is_empty());
        let beside = line(&covered(&[("a", "2026-11-21T08:25:00Z"), ("b", "2026-11-21T08:15:03Z")]));
        assert_eq!((beside.parts[0].as_str(), beside.warnings.len()), ("complete to 08:15:03", 0));
        assert_eq!(line(&Coverage::default()).meaning, "");
    }

    #[test]
    fn another_coverage_has_another_mark() {
        let coverage = covered(&[("a", "2026-11-21T08:15:03Z")]);
        let mut more = coverage.clone();
        more.monitors[0].to = Position::new(1, 11);
        assert_eq!(line(&coverage).mark, line(&coverage.clone()).mark);
        assert_ne!(line(&coverage).mark, line(&more).mark);
    }
}
