//! Promise: any number of monitors and schedulers share one store in HDFS, and any of them may die at any step: what is
//! published is complete, nothing is overwritten, and a reader that has only the store says what it cannot see.
//!
//! One cluster; each idea has a folder of its own, and load all the time.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use support::hdfs::{MiniCluster, call};
use support::proxy::Proxy;
use support::{AckingClient, Machine, Scheduler, Senders, assert_all_there, hourglass, message, now_micros, until};

/// Between two batches of a client.
const PAUSE: Duration = Duration::from_millis(20);
const SCHEDULER: &str = "--data DATA --schedule */2_*_*_*_*_* --rebuild-wait 1s --views-grace 1s";

#[test]
fn many_share_a_store_and_any_may_die() {
    let Some(mut cluster) = MiniCluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    a_rebuild_is_killed_at_every_step(&mut cluster, folder.path());
    monitors_and_schedulers_share_a_store(&cluster, folder.path());
    an_id_has_one_monitor(&cluster, folder.path());
}

/// At each call that changes what others see: the one before stands, the next build is complete, and what the killed
/// ones left goes after its grace.
fn a_rebuild_is_killed_at_every_step(cluster: &mut MiniCluster, folder: &Path) {
    let machine = Machine::new(folder.join("killed"), &cluster.url("killed"));
    let proxy = Proxy::to(cluster.name_node());
    let through = format!("hdfs://{}/killed", proxy.address());
    let senders = Senders::paced(2, PAUSE);
    let server = machine.start("monitor");
    senders.connect_to(server.address);

    let steps = ["create", "addBlock", "complete", "rename2", "delete"].map(call);
    let mut killed = 0;
    loop {
        let (before, built) = (machine.published(), machine.built());
        until("something to build", || machine.published() > before);
        proxy.hold_at(killed + 1, &steps);
        let whole = rebuild_until_held(&through, &proxy);
        proxy.release();
        machine.elsewhere("verify").fine();
        if whole && machine.built() > built {
            break;
        }
        // A rebuild that found all that was published built already is no step.
        killed += usize::from(!whole);
        machine.elsewhere("rebuild").fine();
    }
    // Views, a page of the manifest, the manifest: each made, filled, closed and named. Views are written side by side.
    assert!(killed >= 12, "{killed} steps");

    let sent = senders.stop();
    let scheduler =
        Scheduler::start(&folder.join("scheduler"), &format!("{SCHEDULER} --store {}", cluster.url("killed")));
    until("everything to be built", || machine.built() == sent.iter().sum::<u64>());
    until("what the killed ones left to be deleted", || one_a_folder(cluster.files_below("killed/views/batch")));
    drop(scheduler);
    assert!(server.drained().0.success());
    assert_all_there(&sent, &machine.elsewhere("cat").fine().stdout);
    machine.verified();
}

/// Whether each period of each service has one view file. (Temporaries stay for a day.)
fn one_a_folder(files: Vec<String>) -> bool {
    let files: Vec<_> = files.iter().filter_map(|file| file.rsplit_once('/')).collect();
    let views: Vec<_> = files.iter().filter(|(_, name)| !name.starts_with(".~")).collect();
    let folders: BTreeSet<_> = views.iter().map(|(folder, _)| folder).collect();
    views.len() == folders.len()
}

/// Whether it ended before it came to the request that is held.
fn rebuild_until_held(store: &str, proxy: &Proxy) -> bool {
    let mut child: Child = hourglass(["rebuild", "--quiet", "--store", store]).stdout(Stdio::null()).spawn().unwrap();
    let mut ended = None;
    until("a step, or the end", || {
        ended = child.try_wait().unwrap();
        ended.is_some() || proxy.holds()
    });
    if let Some(status) = ended {
        assert!(status.success(), "{status}");
        return true;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

fn monitors_and_schedulers_share_a_store(cluster: &MiniCluster, folder: &Path) {
    let store = cluster.url("shared");
    let proxy = Proxy::to(cluster.name_node());
    let east = Machine::new(folder.join("east"), &store);
    let west = Machine::new(folder.join("west"), &format!("hdfs://{}/shared", proxy.address()));
    let (to_east, to_west) = (Senders::numbered(0..2, PAUSE), Senders::numbered(2..3, PAUSE));
    let (at_east, at_west) = (east.start("monitor --id east"), west.start("monitor --id west"));
    to_east.connect_to(at_east.address);
    to_west.connect_to(at_west.address);
    let line = format!("{SCHEDULER} --store {store}");
    let mut schedulers = ["one", "two"].map(|name| Scheduler::start(&folder.join(name), &line));
    until("a view of both", || covered(&east, "west") > 0 && covered(&east, "east") > 0 && east.built() > 0);
    east.verified();

    // West is cut off: what it acknowledges from now on only its own machine can know.
    proxy.down();
    let seen = to_west.acked();
    to_west.until_acked(1_000);
    to_east.until_acked(1_000);
    assert!(covered(&east, "west") <= seen + 80, "an answer claims what it cannot see");
    let generation = east.published();
    until("east to go on", || east.published() > generation);
    east.verified();
    assert!(covered(&east, "west") <= seen + 80);
    proxy.up();

    let mut sent = to_east.stop();
    sent.extend(to_west.stop());
    let total = sent.iter().sum::<u64>();
    until("everything to be built", || east.built() == total);
    assert!(schedulers.iter_mut().all(Scheduler::runs), "neither minds the other");
    assert!(at_east.drained().0.success() && at_west.drained().0.success());
    assert_eq!(covered(&east, "east") + covered(&east, "west"), total);
    assert_all_there(&sent, &east.elsewhere("cat").fine().stdout);
    east.verified();
    west.verified();
}

/// How many messages of a monitor an answer covers that was given elsewhere; the rows say the same.
fn covered(machine: &Machine, monitor: &str) -> u64 {
    let answer = machine.elsewhere("query --every 1d --from -1d --format json");
    let answer: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
    let all = |list: &serde_json::Value, name: &str| -> u64 {
        list.as_array().into_iter().flatten().map(|entry| entry[name].as_u64().unwrap()).sum()
    };
    assert_eq!(all(&answer["coverage"]["monitors"], "messages"), all(&answer["rows"], "msg_num"), "{answer}");
    let monitors = answer["coverage"]["monitors"].as_array().into_iter().flatten();
    monitors.filter(|entry| entry["monitor"] == monitor).map(|entry| entry["messages"].as_u64().unwrap()).sum()
}

/// Another machine that says it is the same one is turned away before it takes a line, whatever the first is doing.
fn an_id_has_one_monitor(cluster: &MiniCluster, folder: &Path) {
    let first = Machine::new(folder.join("first"), &cluster.url("id"));
    let second = Machine::new(folder.join("second"), &cluster.url("id"));
    let senders = Senders::paced(2, PAUSE);
    let server = first.start("up --id twin --rebuild-wait 1s");
    senders.connect_to(server.address);
    until("a cut", || first.published().is_some());

    for _ in 0..2 {
        let refused = second.run("monitor --id twin --listen 127.0.0.1:0");
        assert_eq!(refused.code, Some(2), "{}{}", refused.stdout, refused.stderr);
        assert_eq!(refused.stdout, "", "it never says that it listens");
        for word in ["twin", "--id", "hourglass monitors seal twin"] {
            assert!(refused.stderr.contains(word), "{word:?} in {}", refused.stderr);
        }
        senders.until_acked(500);
    }
    let other = second.start("monitor --id other");
    let mut client = AckingClient::connect(other.address, "other").unwrap();
    assert!(client.send([message("other", now_micros(), 1).as_str()]) && client.await_ack(1));
    drop(client);
    assert!(other.drained().0.success());

    let sent = senders.stop();
    until("everything to be built", || first.built() >= sent.iter().sum::<u64>());
    assert!(server.drained().0.success());
    let printed = first.elsewhere("cat").fine().stdout;
    let of_twin: String =
        printed.lines().filter(|line| !line.contains("\"other\"")).map(|line| format!("{line}\n")).collect();
    assert_all_there(&sent, &of_twin);
    first.verified();
}
