//! Promise: through a cluster's faults an acknowledged line is in HDFS exactly once, and every answer is exact.
//!
//! One cluster, one monitor with every role that rotates and rebuilds every two seconds, acking clients at work all
//! the time. Between the faults each answer's coverage is recounted by `verify`, here and on a machine that has only
//! the store's address.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;

use support::hdfs::MiniCluster;
use support::{DEADLINE, Ended, Hourglass, Senders, assert_all_there, run, until, until_within};

#[test]
fn an_acknowledged_line_survives_what_clusters_do() {
    let Some(mut cluster) = MiniCluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let world = World { data: folder.path().join("data"), store: cluster.url("hourglass") };
    let senders = Senders::start(2);

    let server = world.start();
    senders.connect_to(server.address);
    senders.until_acked(2_000);
    until("the first rebuild from HDFS", || world.status()["batch"]["messages"].as_u64() > Some(0));
    world.verified();

    cluster.restart_name_node();
    senders.until_acked(2_000);

    cluster.stop_data_node(0);
    senders.until_acked(2_000);
    cluster.start_data_nodes();

    // Away for more than three rotations: generations pile up, the monitor goes on.
    cluster.stop_name_node();
    let before = world.generation();
    senders.until_acked(2_000);
    until("rotations without a store", || world.generation() > before + 3);
    cluster.start_name_node();
    let caught_up = world.generation();
    // What was open when the name node went has to be recovered by the data nodes first.
    until_within(3 * DEADLINE, "the store to catch up", || world.published() >= Some(caught_up - 1));
    world.verified();

    // Killed, most likely with a lease held: the next one takes it.
    server.kill();
    let server = world.start();
    senders.connect_to(server.address);
    senders.until_acked(2_000);

    let sent = senders.stop();
    let (status, log) = server.drained();
    assert!(status.success(), "{log}");
    assert_all_there(&sent, &world.run("cat --data DATA").fine().stdout);
    world.verified();

    // Elsewhere, with nothing but the store: once all is uploaded and built, the same answer.
    let server = world.start();
    let last = world.generation();
    until("the last cut", || world.published() >= Some(last));
    server.drained();
    world.run("rebuild --data DATA").fine();
    let here = world.run("query --data DATA --every 1d --from -1d --format csv").fine().stdout;
    let elsewhere = world.elsewhere("query --every 1d --from -1d --format csv").fine().stdout;
    assert_eq!(elsewhere, here);
    world.elsewhere("verify").fine();
    world.elsewhere("services").fine();
    a_machine_is_lost_and_another_takes_its_id(&world);
}

/// What had reached HDFS is counted, once; then the same id goes on above it, on a machine of its own.
fn a_machine_is_lost_and_another_takes_its_id(world: &World) {
    let server = world.start();
    let load = format!("client load --connect {} --ack --messages 3000 --service lost", server.address);
    world.run_plain(&load).fine();
    server.kill();
    std::fs::remove_dir_all(&world.data).unwrap();

    let id = host_name();
    world.elsewhere(&format!("monitors seal {id}")).fine();
    assert!(world.elsewhere("monitors list").fine().stdout.contains("sealed"));
    world.elsewhere("rebuild").fine();
    world.elsewhere("verify").fine();
    let before = world.elsewhere("cat").fine().stdout.lines().count();

    let server = world.start();
    let load = format!("client load --connect {} --ack --messages 700 --service found", server.address);
    world.run_plain(&load).fine();
    server.drained();
    world.verified();
    assert_eq!(world.run("cat --data DATA").fine().stdout.lines().count(), before + 700);
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

/// One monitor's machine and the store.
struct World {
    data: std::path::PathBuf,
    store: String,
}

impl World {
    fn start(&self) -> Hourglass {
        Hourglass::start(
            &self.data,
            &self.with_store(
                "up --data DATA --schedule */2_*_*_*_*_* --refresh-every 500ms --upload-every 300ms --rebuild-wait 1s \
             --views-grace 1s",
            ),
        )
    }

    fn with_store(&self, line: &str) -> String {
        format!("{line} --store {}", self.store)
    }

    /// A command on the monitor's machine.
    fn run(&self, line: &str) -> Ended {
        run(&self.data, &self.with_store(line))
    }

    /// A command that has nothing to do with the store.
    fn run_plain(&self, line: &str) -> Ended {
        run(&self.data, line)
    }

    /// A command on a machine that has only the store.
    fn elsewhere(&self, line: &str) -> Ended {
        run(Path::new("/nonexistent"), &self.with_store(line))
    }

    #[track_caller]
    fn verified(&self) {
        self.run("verify --data DATA").fine();
        self.elsewhere("verify").fine();
    }

    fn status(&self) -> serde_json::Value {
        let status = self.run("status --data DATA --format json");
        serde_json::from_str(&status.stdout).unwrap_or_default()
    }

    /// The generation that is being written.
    fn generation(&self) -> u64 {
        self.live()["generation"].as_u64().unwrap_or(0)
    }

    /// The newest generation whose cut is in the store.
    fn published(&self) -> Option<u64> {
        self.live()["cut"].as_u64()
    }

    /// What the monitor tells of itself, store or not.
    fn live(&self) -> serde_json::Value {
        let status = std::fs::read(self.data.join("status.json")).unwrap_or_default();
        serde_json::from_slice(&status).unwrap_or_default()
    }
}
