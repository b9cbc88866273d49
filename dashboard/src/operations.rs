//! Operations: what a page tells of the machine that serves it, which only the process around a dashboard knows.
//!
//! Enters: an implementation, from whoever starts a dashboard. Leaves: words for people, in these types. What must hold:
//! [`Operations::here`] is asked for by every page and reads one small file at most; [`Operations::everything`] may take
//! as long as `hourglass status`, and is asked for by the status page alone.

use async_trait::async_trait;
use schema::Micros;
use serde_json::Value;

/// What is known beside the store. Both are asked on a thread that may wait.
#[async_trait]
pub trait Operations: std::fmt::Debug + Send + Sync {
    /// What is known at once.
    fn here(&self) -> Here;

    /// All that `hourglass status` knows.
    async fn everything(&self) -> Everything;
}

/// The monitor of this machine, at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Here {
    /// Where it takes messages, `HOST:PORT`; `None` where no monitor runs.
    pub address: Option<String>,
    /// What is wrong with it, a sentence each.
    pub problems: Vec<String>,
}

/// The state of store and monitors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Everything {
    /// What is wrong, a sentence each; empty if all is healthy.
    pub problems: Vec<String>,
    /// Where the store is, and how it keeps its files.
    pub store: String,
    /// The monitor of this machine, if one lives here.
    pub own: Option<OwnMonitor>,
    /// The newest cut in the store, of each monitor.
    pub cuts: Vec<PublishedCut>,
    /// Rejected lines of this machine, the newest first: a sample.
    pub quarantine: Vec<Quarantined>,
    /// What `hourglass status --format json` prints.
    pub json: Value,
}

/// The monitor of this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnMonitor {
    /// Its id.
    pub id: String,
    /// What it is doing, or that it is not running.
    pub activity: String,
    /// Facts, each a name and its value, in the order they are shown.
    pub facts: Vec<(&'static str, String)>,
    /// The generations whose journals are here, in order.
    pub generations: Vec<OwnGeneration>,
    /// What it ever rejected, by reason, the most frequent first.
    pub rejected: Vec<(String, u64)>,
}

/// A generation of the log of this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnGeneration {
    /// Its number.
    pub generation: u64,
    /// The tick that opened it.
    pub opened: Micros,
    /// The cut that ended it; `None` for the open one.
    pub cut: Option<String>,
    /// Messages in the log up to its end.
    pub messages: u64,
}

/// A cut in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedCut {
    /// Whose.
    pub monitor: String,
    /// Which generation it ended.
    pub generation: u64,
    /// Its tick.
    pub tick: Micros,
    /// Messages of that generation.
    pub messages: u64,
}

/// A rejected line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// When.
    pub time: Micros,
    /// Who sent it.
    pub peer: String,
    /// Why it was rejected.
    pub reason: String,
    /// What it said, as far as it was kept.
    pub line: String,
}

/// Nothing is known beside the store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unknown;

#[async_trait]
impl Operations for Unknown {
    fn here(&self) -> Here {
        Here::default()
    }

    async fn everything(&self) -> Everything {
        Everything::default()
    }
}
