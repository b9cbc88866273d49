//! Promise: a store in HDFS that is full, slow or loses its answers, or a monitor that dies in the middle of an append:
//! the monitor acknowledges at the speed of its own disk, answers stay exact, and in the end every acknowledged line is
//! in the store exactly once.
//!
//! One cluster; each fault has a folder, a monitor with every role and acking clients of its own, at work until it is
//! over. (The cluster's own losses are in hdfs_outage.rs, what happens between several processes in hdfs_shared.rs.)
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::hdfs::{MiniCluster, call};
use support::proxy::Proxy;
use support::{Hourglass, Machine, Senders, assert_all_there, until};

/// Between two batches of a client.
const PAUSE: Duration = Duration::from_millis(20);

#[test]
fn an_acknowledged_line_survives_what_a_store_does_to_a_monitor() {
    let Some(mut cluster) = MiniCluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    a_quota_is_reached_and_lifted(&mut cluster, folder.path());
    a_slow_store_slows_no_ack(&mut cluster, folder.path());
    lost_answers_are_settled(&cluster, folder.path());
    a_monitor_dies_holding_a_lease(&mut cluster, folder.path());
}

fn a_quota_is_reached_and_lifted(cluster: &mut MiniCluster, folder: &Path) {
    let store = format!("{} --hdfs-block-size 1MiB", cluster.url("quota"));
    let machine = Machine::new(folder.join("quota"), &store);
    let (server, senders) = at_work(&machine);
    cluster.set_space_quota("quota", Some(24 << 20));
    until("the quota to be reached", || machine.upload_error().contains("quota"));
    let before = machine.generation();
    senders.until_acked(2_000);
    until("rotations beside a full store", || machine.generation() > before + 2);

    let status = machine.run("status --check");
    assert_eq!(status.code, Some(1), "{}", status.stdout);
    assert!(status.stdout.contains("cannot upload") && status.stdout.contains("quota"), "{}", status.stdout);
    machine.verified();

    cluster.set_space_quota("quota", None);
    all_counted_once(&machine, server, senders);
}

fn a_slow_store_slows_no_ack(cluster: &mut MiniCluster, folder: &Path) {
    const ANSWER: Duration = Duration::from_millis(150);
    let proxy = Proxy::to(cluster.name_node());
    let machine = Machine::new(folder.join("slow"), &format!("hdfs://{}/slow", proxy.address()));
    let (server, senders) = at_work(&machine);
    proxy.slow(ANSWER);
    cluster.throttle_data_nodes(Some(1 << 20));
    let (before, start) = (machine.generation(), Instant::now());
    // Twenty-five batches of each of two clients.
    senders.until_acked(2_000);
    assert!(start.elapsed() < 25 * ANSWER, "an ack took longer than an answer of the store: {:?}", start.elapsed());
    machine.verified();
    until("cuts in a slow store", || machine.published() > Some(before));

    proxy.slow(Duration::ZERO);
    cluster.throttle_data_nodes(None);
    all_counted_once(&machine, server, senders);
}

fn lost_answers_are_settled(cluster: &MiniCluster, folder: &Path) {
    let proxy = Proxy::to(cluster.name_node());
    let machine = Machine::new(folder.join("lost"), &format!("hdfs://{}/lost", proxy.address()));
    let (server, senders) = at_work(&machine);
    for step in ["create", "addBlock", "fsync", "complete", "rename2", "delete"] {
        let before = proxy.losses();
        proxy.lose_answer_to(&call(step));
        until(step, || proxy.losses() > before);
        senders.until_acked(500);
        let published = machine.published();
        until(&format!("a cut after a lost answer to {step}"), || machine.published() > published);
    }
    machine.verified();
    all_counted_once(&machine, server, senders);
}

/// Held in the middle of an append and killed there: the next process takes the lease, whether it waits for HDFS to
/// give it up (the soft limit, shortened) or has to ask for it.
fn a_monitor_dies_holding_a_lease(cluster: &mut MiniCluster, folder: &Path) {
    let proxy = Proxy::to(cluster.name_node());
    let machine = Machine::new(folder.join("lease"), &format!("hdfs://{}/lease", proxy.address()));
    let (mut server, senders) = at_work(&machine);
    for soft_limit in [Duration::from_secs(60), Duration::from_secs(1)] {
        cluster.set_lease_limit(soft_limit);
        proxy.hold_at(1, &[call("fsync")]);
        until("a lease to be taken", || proxy.holds());
        senders.until_acked(500);
        server.kill();
        proxy.release();
        server = machine.up();
        senders.connect_to(server.address);
        let last = machine.generation();
        until("the store to catch up", || machine.published() >= Some(last));
        machine.verified();
    }
    all_counted_once(&machine, server, senders);
}

/// A monitor with every role, clients that load it, and a first batch view.
fn at_work(machine: &Machine) -> (Hourglass, Senders) {
    let senders = Senders::paced(2, PAUSE);
    let server = machine.up();
    senders.connect_to(server.address);
    senders.until_acked(500);
    until("the first rebuild", || machine.built() > 0);
    (server, senders)
}

/// Ends the load; what was sent is built, is there once, and answers alike here and elsewhere.
fn all_counted_once(machine: &Machine, server: Hourglass, senders: Senders) {
    let sent = senders.stop();
    until("everything sent to be built", || machine.built() == sent.iter().sum::<u64>());
    let (status, log) = server.drained();
    assert!(status.success(), "{log}");
    assert_all_there(&sent, &machine.elsewhere("cat").fine().stdout);
    machine.verified();
}
