//! The promise: each service has its own batch view: four services give four, four hundred give four hundred.
//!
//! Counted three ways that must agree: folders in the store, services in the newest manifest, services in the answer.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use support::{AckingClient, Hourglass, message, now_micros, run, until};

/// Messages of each service.
const EACH: u64 = 5;

#[test]
fn four_services_give_four_batch_views() {
    views_of(4);
}

#[test]
fn four_hundred_services_give_four_hundred_batch_views() {
    views_of(400);
}

/// Sends some messages of each of so many services, and counts the batch views that come of it.
fn views_of(services: u64) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Hourglass::start(&data, "up --data DATA --schedule *_*_*_*_*_* --upload-every 100ms --rebuild-wait 1s");
    let name = |n: u64| format!("service-{:03}", n % services);
    let sent = services * EACH;
    let lines: Vec<_> = (0..sent).map(|n| message(&name(n), now_micros(), n)).collect();
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(sent));
    until("the batch to cover everything sent", || batch(&data)["messages"] == sent);
    assert!(up.drained().0.success());

    let names: BTreeSet<String> = (0..services).map(name).collect();
    assert_eq!(batch(&data)["services"], services);
    assert_eq!(folders(&data), names);
    let query = "query --data DATA --from 1970-01-01 --to +1h --every 1d --view batch --format ndjson";
    let rows = run(&data, query).fine().stdout;
    let rows: Vec<serde_json::Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let answered: BTreeSet<String> = rows.iter().map(|row| row["service"].as_str().unwrap().to_owned()).collect();
    assert_eq!(answered, names);
    assert_eq!(rows.iter().map(|row| row["msg_num"].as_u64().unwrap()).sum::<u64>(), sent);
}

/// What `status` says about the newest manifest.
fn batch(data: &Path) -> serde_json::Value {
    let status = run(data, "status --data DATA --format json").fine().stdout;
    serde_json::from_str::<serde_json::Value>(&status).unwrap()["batch"].take()
}

/// The services that have a folder with a view in it.
fn folders(data: &Path) -> BTreeSet<String> {
    let views = fs::read_dir(data.join("store/views/batch")).unwrap();
    let folders = views.map(|folder| folder.unwrap().path());
    let full = folders.filter(|folder| fs::read_dir(folder).unwrap().next().is_some());
    let names = full.map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned());
    names.map(|name| name.strip_prefix("service=").unwrap().to_owned()).collect()
}
