//! What one peer does or does not do costs the others nothing.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use hourglass_monitor::Activity;
use schema::{Reject, ServerFrame};
use support::{Bed, Client, lines, message, soon, until};
use tokio::io::AsyncWriteExt;

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_a_connection_is_refused_in_one_line_and_the_others_go_on() {
    let mut bed = Bed::local();
    bed.options.listen_connections = 3;
    let running = bed.start().await;
    let mut inside = Vec::new();
    for id in ["a", "b", "c"] {
        let mut client = running.client().await;
        client.hello(id).await;
        inside.push(client);
    }
    for _ in 0..50 {
        let refusal = running.client().await.rest().await;
        let frame = ServerFrame::parse(&refusal).unwrap();
        assert!(matches!(frame, ServerFrame::Error(reason) if reason.contains("listen.connections is 3")));
    }
    for client in &mut inside {
        client.send(lines("a", 0..10)).await;
        client.acked(10).await;
    }
    drop(inside.pop());
    until("the place to be free again", || bed.status().is_some_and(|status| status.connections == 2)).await;
    running.client().await.hello("d").await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_its_answers_stalls_only_itself() {
    let mut bed = Bed::local();
    bed.options.listen_bytes = 1 << 20;
    let running = bed.start().await;
    let mut deaf = running.client().await;
    deaf.say_hello("deaf").await;
    // Every line is reported, so its answers outgrow what it sends.
    let flood = tokio::spawn(async move {
        let bad = "x\n".repeat(1 << 19);
        // All of it, so that aborting closes the connection.
        let deaf = &mut deaf;
        while deaf.writer.write_all(bad.as_bytes()).await.is_ok() {}
    });
    running.rejected(1 << 16).await;
    let mut client = running.client().await;
    client.hello("c").await;
    for n in 0..50 {
        client.send(lines("a", n..n + 1)).await;
        client.acked(n + 1).await;
    }
    let held = bed.status().map_or(0, |status| status.held_bytes);
    assert!(held <= 1 << 20);
    flood.abort();
    // A drain would wait for who is there and takes no answers.
    until("only the ordinary one to be left", || bed.status().is_some_and(|status| status.connections == 1)).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_their_answers_leave_the_others_room_to_read() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut floods = Vec::new();
    for nth in 0..20 {
        let mut deaf = running.client().await;
        deaf.say_hello(&format!("deaf-{nth}")).await;
        let bad = "x\n".repeat(1 << 19);
        floods.push(tokio::spawn(async move {
            // All of it, so that aborting closes the connection.
            let deaf = &mut deaf;
            while deaf.writer.write_all(bad.as_bytes()).await.is_ok() {}
        }));
    }
    running.rejected(20 << 14).await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..1000)).await;
    client.acked(1000).await;
    // Each holds the reports of one careful read, of 4 KiB, and those before that made it no more careful.
    let far = |status: &hourglass_monitor::Status| status.rejected.total() >= 20 << 14;
    until("a status from when they were far behind", || bed.status().is_some_and(|status| far(&status))).await;
    let held = bed.status().unwrap().held_bytes;
    assert!(held < 20 * (200 << 10), "{held} of {} held", bed.options.listen_bytes);
    floods.iter().for_each(tokio::task::JoinHandle::abort);
    // A drain would wait for who is there and takes no answers.
    until("only the ordinary one to be left", || bed.status().is_some_and(|status| status.connections == 1)).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_lines_stay_within_their_budget_and_others_are_served() {
    let mut bed = Bed::local();
    bed.options.listen_bytes = 256 << 10;
    bed.options.listen_connections = 100;
    let running = bed.start().await;
    let mut hoarders = Vec::new();
    for _ in 0..64 {
        let mut client = running.client().await;
        client.send(format!("{{\"pad\":\"{}", "p".repeat(30_000))).await;
        hoarders.push(client);
    }
    let mut client = running.client().await;
    client.hello("c").await;
    for n in 0..100 {
        client.send(lines("a", n..n + 1)).await;
        client.acked(n + 1).await;
    }
    assert!(bed.status().is_none_or(|status| status.held_bytes <= 256 << 10));

    // When they finish, or leave, all they sent is judged.
    for mut client in hoarders {
        client.send("\"}\n").await;
    }
    running.rejected(64).await;
    assert_eq!(running.monitor.progress().borrow().rejected.get(Reject::MissingField), 64);
    until("their bytes to be free", || bed.status().is_some_and(|status| status.held_bytes == 0)).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hoarders_that_leave_all_at_once_do_not_break_the_budget_on_their_way_out() {
    let mut bed = Bed::local();
    bed.options.listen_bytes = 256 << 10;
    bed.options.listen_connections = 100;
    let running = bed.start().await;
    let mut hoarders = Vec::new();
    for _ in 0..100 {
        let mut client = running.client().await;
        client.send(format!("{{\"pad\":\"{}", "p".repeat(30_000))).await;
        hoarders.push(client);
    }
    drop(hoarders);
    running.rejected(100).await;
    running.stop().await.unwrap();
    let status = bed.status().unwrap();
    assert_eq!((status.state, status.held_bytes), (Activity::Stopped, 0));
    assert!(status.held_bytes_peak <= (256 << 10) + schema::MAX_LINE, "{} held", status.held_bytes_peak);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_left_alone_and_ends_with_the_drain() {
    let bed = Bed::local();
    let running = bed.start().await;
    let silent: Vec<Client> = vec![running.client().await, running.client().await];
    let mut slow = running.client().await;
    for byte in (message("a", 1) + "\n").bytes() {
        slow.send([byte]).await;
    }
    running.durable(1).await;
    running.stop().await.unwrap();
    for client in silent {
        assert!(client.rest().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_monitors_do_not_share_a_data_folder() {
    let bed = Bed::local();
    let running = bed.start().await;
    let second = bed.try_start().await.map(|_| ()).unwrap_err();
    assert!(second.to_string().contains("another monitor is running"), "{second}");
    running.stop().await.unwrap();
    let again = bed.start().await;
    again.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_message_waits_for_company_no_longer_than_the_linger() {
    let mut bed = Bed::local();
    bed.options.buffer_messages = 1_000_000;
    bed.options.buffer_linger = Duration::from_millis(5);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..1)).await;
    soon("the ack", client.acked(1)).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_repeats_a_wrong_hello_and_reads_no_answers_is_told_once_and_costs_nothing() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut client = running.client().await;
    let wrong = "{\"hourglass\"\n".repeat(100_000);
    client.send(&wrong).await;
    running.rejected(100_000).await;
    client.writer.shutdown().await.unwrap();
    let answers = String::from_utf8(client.rest().await).unwrap();
    assert_eq!(answers.lines().count(), 1, "{answers}");
    running.stop().await.unwrap();
}
