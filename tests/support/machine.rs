//! A monitor's machine and the store that it shares with others.

use std::path::{Path, PathBuf};

use super::{Ended, Hourglass, Senders, assert_all_there, run, until};

/// What an hour is to these tests, and everything that goes by it.
const COMPRESSED: &str = "--schedule */2_*_*_*_*_* --refresh-every 500ms --upload-every 300ms --views-grace 1s";

/// A data folder, and the store beside it.
#[derive(Debug)]
pub struct Machine {
    pub data: PathBuf,
    /// The flags that say which store.
    store: String,
}

impl Machine {
    /// A machine that has nothing yet; `store` is what follows `--store`, with more flags if need be.
    pub fn new(data: PathBuf, store: &str) -> Self {
        Self { data, store: store.to_owned() }
    }

    /// Starts every role, an hour being two seconds.
    pub fn up(&self) -> Hourglass {
        self.start("up --rebuild-wait 1s")
    }

    /// Starts this, `up` or `monitor` with more flags, an hour being two seconds.
    pub fn start(&self, line: &str) -> Hourglass {
        Hourglass::start(&self.data, &self.with_store(&format!("{line} --data DATA {COMPRESSED}")))
    }

    fn with_store(&self, line: &str) -> String {
        format!("{line} --store {}", self.store)
    }

    /// A command here.
    pub fn run(&self, line: &str) -> Ended {
        run(&self.data, &self.with_store(&format!("{line} --data DATA")))
    }

    /// A command that has nothing to do with the store.
    pub fn run_plain(&self, line: &str) -> Ended {
        run(&self.data, line)
    }

    /// A command on a machine that has only the store.
    pub fn elsewhere(&self, line: &str) -> Ended {
        run(Path::new("/nonexistent"), &self.with_store(line))
    }

    /// Recounts each answer's coverage, here and elsewhere.
    #[track_caller]
    pub fn verified(&self) {
        self.run("verify").fine();
        self.elsewhere("verify").fine();
    }

    /// The end of an outage: killed under load the monitor goes on; drained, every line that was sent is there, once;
    /// and elsewhere, with nothing but the store, the answer is the same once all is uploaded and built.
    pub fn outlives_a_kill(&self, server: Hourglass, senders: Senders) {
        server.kill();
        let server = self.up();
        senders.connect_to(server.address);
        senders.until_acked(2_000);

        let sent = senders.stop();
        let (status, log) = server.drained();
        assert!(status.success(), "{log}");
        assert_all_there(&sent, &self.run("cat").fine().stdout);
        self.verified();

        let server = self.up();
        let last = self.generation();
        until("the last cut", || self.published() >= Some(last));
        server.drained();
        self.run("rebuild").fine();
        let here = self.run("query --every 1d --from -1d --format csv").fine().stdout;
        let elsewhere = self.elsewhere("query --every 1d --from -1d --format csv").fine().stdout;
        assert_eq!(elsewhere, here);
        self.elsewhere("verify").fine();
    }

    /// How many messages the newest batch view has, as seen elsewhere.
    pub fn built(&self) -> u64 {
        let status = self.elsewhere("status --format json");
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap_or_default();
        status["batch"]["messages"].as_u64().unwrap_or(0)
    }

    /// The generation that is being written.
    pub fn generation(&self) -> u64 {
        self.live()["generation"].as_u64().unwrap_or(0)
    }

    /// The newest generation whose cut is in the store.
    pub fn published(&self) -> Option<u64> {
        self.live()["cut"].as_u64()
    }

    /// Why the last upload failed; empty if it did not.
    pub fn upload_error(&self) -> String {
        self.live()["upload_error"].as_str().unwrap_or_default().to_owned()
    }

    /// What the monitor tells of itself, store or not.
    fn live(&self) -> serde_json::Value {
        let status = std::fs::read(self.data.join("status.json")).unwrap_or_default();
        serde_json::from_slice(&status).unwrap_or_default()
    }
}
