//! Promise: through a cluster's faults an acknowledged line is in HDFS exactly once, and every answer is exact.
//!
//! One cluster, one monitor with every role that rotates and rebuilds every two seconds, acking clients at work all
//! the time. Between the faults each answer's coverage is recounted by `verify`, here and on a machine that has only
//! the store's address.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use support::hdfs::MiniCluster;
use support::{Machine, Senders, until};

#[test]
fn an_acknowledged_line_survives_what_clusters_do() {
    let Some(mut cluster) = MiniCluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new(folder.path().join("data"), &cluster.url("hourglass"));
    let senders = Senders::paced(2, Duration::from_millis(5));

    let server = machine.up();
    senders.connect_to(server.address);
    senders.until_acked(2_000);
    until("the first rebuild from HDFS", || machine.built() > 0);
    machine.verified();

    cluster.restart_name_node();
    senders.until_acked(2_000);

    cluster.stop_data_node(0);
    senders.until_acked(2_000);
    cluster.start_data_nodes();

    // Away for more than three rotations: generations pile up, the monitor goes on.
    cluster.stop_name_node();
    let before = machine.generation();
    senders.until_acked(2_000);
    until("rotations without a store", || machine.generation() > before + 3);
    // Also one that is started meanwhile.
    server.kill();
    let server = machine.up();
    senders.connect_to(server.address);
    senders.until_acked(2_000);
    let told = machine.run("status --check");
    assert_eq!(told.code, Some(1));
    assert!(told.stdout.contains("cannot open the store") && told.stdout.contains("generation"), "{}", told.stdout);
    cluster.start_name_node();
    let caught_up = machine.generation();
    // What was open when the name node went has to be recovered by the data nodes first.
    until("the store to catch up", || machine.published() >= Some(caught_up - 1));
    machine.verified();

    // Killed, most likely with a lease held: the next one takes it.
    machine.outlives_a_kill(server, senders);
    machine.elsewhere("services").fine();
    a_machine_is_lost_and_another_takes_its_id(&machine);
}

/// What had reached HDFS is counted, once; then the same id goes on above it, on a machine of its own.
fn a_machine_is_lost_and_another_takes_its_id(machine: &Machine) {
    let server = machine.up();
    let load = format!("client load --connect {} --ack --messages 3000 --service lost", server.address);
    machine.run_plain(&load).fine();
    server.kill();
    std::fs::remove_dir_all(&machine.data).unwrap();

    let id = host_name();
    machine.elsewhere(&format!("monitors seal {id}")).fine();
    assert!(machine.elsewhere("monitors list").fine().stdout.contains("sealed"));
    machine.elsewhere("rebuild").fine();
    machine.elsewhere("verify").fine();
    let before = machine.elsewhere("cat").fine().stdout.lines().count();

    let server = machine.up();
    let load = format!("client load --connect {} --ack --messages 700 --service found", server.address);
    machine.run_plain(&load).fine();
    server.drained();
    machine.verified();
    assert_eq!(machine.run("cat").fine().stdout.lines().count(), before + 700);
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}
