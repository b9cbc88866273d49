//! A full disk stops acks and reading, says why, and costs nothing; a broken one ends the process into recovery.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;

use hourglass_monitor::{Activity, MonitorError};
use storage::SimDisk;
use support::{Bed, lines, message, soon, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_acks_and_reading_until_there_is_room() {
    let sim = SimDisk::new(3);
    let bed = Bed::on(Arc::new(sim.clone()), "/data".into());
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..10)).await;
    client.acked(10).await;

    sim.set_room(0);
    client.send(lines("a", 10..100)).await;
    until("the status to say why", || {
        bed.status().is_some_and(|status| status.state == Activity::Blocked && status.reason.is_some())
    })
    .await;
    assert_eq!(running.monitor.progress().borrow().messages, 10);

    sim.set_room(1 << 30);
    client.acked(100).await;
    until("the status to say so", || bed.status().is_some_and(|status| status.state == Activity::Ingesting)).await;
    running.stop().await.unwrap();
    assert_eq!(bed.log(), (0..100).map(|n| message("a", n)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_is_kept_free_and_rotation_waits_for_room_too() {
    let sim = SimDisk::new(4);
    let mut bed = Bed::on(Arc::new(sim.clone()), "/data".into());
    bed.options.disk_reserve = 64 << 20;
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    sim.set_room(32 << 20);
    client.send(lines("a", 0..10)).await;
    until("the monitor to be blocked", || bed.status().is_some_and(|status| status.state == Activity::Blocked)).await;
    let cut = running.monitor.rotate(schema::Micros::new(support::NOW).unwrap());
    sim.set_room(1 << 30);
    soon("the cut", cut).await.unwrap();
    client.acked(10).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_while_the_disk_is_full_it_says_what_was_not_written() {
    let sim = SimDisk::new(5);
    let bed = Bed::on(Arc::new(sim.clone()), "/data".into());
    let running = bed.start().await;
    let mut client = running.client().await;
    sim.set_room(0);
    client.send(lines("a", 0..10)).await;
    until("the monitor to be blocked", || bed.status().is_some_and(|status| status.state == Activity::Blocked)).await;
    let error = running.stop().await.unwrap_err();
    assert!(matches!(error, MonitorError::Unwritten { messages: 1..=10, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_it_and_the_next_start_recovers() {
    let sim = SimDisk::new(6);
    let mut bed = Bed::on(Arc::new(sim.clone()), "/data".into());
    // The next sync is to be a commit's.
    bed.options.upload_every = std::time::Duration::from_secs(3600);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..10)).await;
    client.acked(10).await;
    sim.eio_at_sync(1);
    client.send(lines("a", 10..20)).await;
    let error = soon("the end", running.monitor.wait()).await.unwrap_err();
    assert!(matches!(error, MonitorError::Commit(_)), "{error}");

    let running = bed.start().await;
    let mut client = running.client().await;
    let resume = client.hello("c").await.resume;
    client.send(lines("a", resume..20)).await;
    client.acked(20).await;
    running.stop().await.unwrap();
    assert_eq!(bed.log(), (0..20).map(|n| message("a", n)).collect::<Vec<_>>());
}
