//! The data folder: what one monitor keeps on its own disk.

use std::path::{Path, PathBuf};

use schema::{Date, Generation, MonitorId};

use super::names::{DatedName, RealtimeName, parse_numbered};

/// The data folder of one machine (`--data DIR`): builds every path in it,
/// touches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    root: PathBuf,
}

/// Who may be there only once in a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Receives messages and writes the log.
    Monitor,
    /// Rebuilds the batch views.
    Scheduler,
    /// Brings files in.
    Import,
}

impl DataFolder {
    /// The data folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// `monitor.lock` and so on: the file to lock for a role.
    pub fn lock(&self, role: Role) -> PathBuf {
        self.root.join(match role {
            Role::Monitor => "monitor.lock",
            Role::Scheduler => "scheduler.lock",
            Role::Import => "import.lock",
        })
    }

    /// `identity.json`: whose data folder this is.
    pub fn identity(&self) -> PathBuf {
        self.root.join("identity.json")
    }

    /// `store.json`: what the store that this data folder writes to says of itself.
    pub fn store_description(&self) -> PathBuf {
        self.root.join("store.json")
    }

    /// `log`: a folder for each day.
    pub fn logs(&self) -> PathBuf {
        self.root.join("log")
    }

    /// `log/date=<date>`: the day logs that were opened on that day.
    pub fn log_day(&self, date: Date) -> PathBuf {
        self.logs().join(format!("date={date}"))
    }

    /// `log/date=<date>/<id>-<seq>.ndjson`: one file of the day log.
    pub fn log_file(&self, date: Date, id: &MonitorId, seq: u64) -> PathBuf {
        self.log_day(date).join(DatedName::Log { id: id.clone(), seq }.to_string())
    }

    /// `journal`: a commit journal for each generation.
    pub fn journals(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// `journal/gen-<g>.journal`: a generation's commit journal.
    pub fn journal(&self, generation: Generation) -> PathBuf {
        self.journals().join(format!("gen-{:010}.journal", generation.get()))
    }

    /// `queue`: a queue for each generation.
    pub fn queues(&self) -> PathBuf {
        self.root.join("queue")
    }

    /// `queue/gen-<g>.csv`: a generation's queue.
    pub fn queue(&self, generation: Generation) -> PathBuf {
        self.queues().join(format!("gen-{:010}.csv", generation.get()))
    }

    /// `realtime`: this machine's realtime views.
    pub fn realtime_views(&self) -> PathBuf {
        self.root.join("realtime")
    }

    /// `realtime/<g>-<from>-<to>.parquet`: a realtime view.
    pub fn realtime_view(&self, name: &RealtimeName) -> PathBuf {
        self.realtime_views().join(name.to_string())
    }

    /// `quarantine`: a sample of what was rejected.
    pub fn quarantine_folder(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// `quarantine/date=<date>.ndjson`: what was rejected on that day.
    pub fn quarantine(&self, date: Date) -> PathBuf {
        self.quarantine_folder().join(format!("date={date}.ndjson"))
    }

    /// `status.json`: what only the live monitor knows.
    pub fn status(&self) -> PathBuf {
        self.root.join("status.json")
    }

    /// `schedule.json`: the schedule that a role here last started with.
    pub fn schedule(&self) -> PathBuf {
        self.root.join("schedule.json")
    }

    /// `import`: where imports are staged.
    pub fn import(&self) -> PathBuf {
        self.root.join("import")
    }

    /// `store`: the store, unless another is configured.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }
}

/// The generation of a file of [`DataFolder::journals`], by its name.
pub fn parse_journal(name: &str) -> Option<Generation> {
    parse_numbered(name, "gen-", 10, ".journal").map(Generation::new)
}

/// The generation of a file of [`DataFolder::queues`], by its name.
pub fn parse_queue(name: &str) -> Option<Generation> {
    parse_numbered(name, "gen-", 10, ".csv").map(Generation::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_is_laid_out_as_documented() {
        let folder = DataFolder::new("/d");
        let (date, id) = ("2026-11-21".parse().unwrap(), MonitorId::new("web-1").unwrap());
        let shows = |path: PathBuf, text: &str| assert_eq!(path, Path::new(text));
        shows(folder.lock(Role::Scheduler), "/d/scheduler.lock");
        shows(folder.log_file(date, &id, 7), "/d/log/date=2026-11-21/web-1-0000000007.ndjson");
        shows(folder.journal(Generation::new(3)), "/d/journal/gen-0000000003.journal");
        shows(folder.queue(Generation::new(3)), "/d/queue/gen-0000000003.csv");
        shows(folder.quarantine(date), "/d/quarantine/date=2026-11-21.ndjson");
    }

    #[test]
    fn a_journal_is_known_by_its_name_and_nothing_else_is() {
        assert_eq!(parse_journal("gen-0000000003.journal"), Some(Generation::new(3)));
        assert_eq!(parse_queue("gen-0000000003.csv"), Some(Generation::new(3)));
        for name in ["gen-3.journal", ".~gen-0000000003.journal-0", "gen-0000000003.csv", "gen-+000000003.journal"] {
            assert_eq!(parse_journal(name), None, "{name}");
        }
    }
}
