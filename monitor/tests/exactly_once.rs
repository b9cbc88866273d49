//! An acknowledged line is durable, and counts once, however its client comes and goes.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use schema::{Reject, ServerFrame};
use support::{Bed, lines, message, soon};
use tokio::io::AsyncWriteExt;

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_line_survives_the_loss_of_everything_unsynced() {
    let sim = storage::SimDisk::new(1);
    let bed = Bed::on(std::sync::Arc::new(sim.clone()), "/data".into());
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..100)).await;
    client.acked(100).await;

    let after = sim.restart();
    running.stop.cancel();
    let _ = running.monitor.wait().await;
    let bed = Bed::on(std::sync::Arc::new(after), "/data".into());
    let running = bed.start().await;
    assert_eq!(running.client().await.hello("c").await.resume, 100);
    assert_eq!(bed.log(), (0..100).map(|n| message("a", n)).collect::<Vec<_>>());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_goes_on_where_it_was_and_nothing_counts_twice() {
    let bed = Bed::local();
    let mut sent = 0;
    for round in 0..4 {
        let running = bed.start().await;
        let mut client = running.client().await;
        let welcome = client.hello("c").await;
        assert!(welcome.resume <= sent);
        let next = welcome.resume;
        client.send(lines("a", next..next + 1000)).await;
        sent = next + 1000;
        if round % 2 == 0 {
            client.acked(next + 500).await;
        }
        drop(client);
        running.stop().await.unwrap();
    }
    let running = bed.start().await;
    let resume = running.client().await.hello("c").await.resume;
    assert_eq!(bed.log(), (0..resume).map(|n| message("a", n)).collect::<Vec<_>>());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_connection_ends_the_older_and_resumes_after_its_last_line() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut expected = 0;
    let mut older = running.client().await;
    assert_eq!(older.hello("c").await.resume, 0);
    for _ in 0..20 {
        older.send(lines("a", expected..expected + 500)).await;
        let mut newer = running.client().await;
        let welcome = newer.hello("c").await;
        assert!(welcome.resume <= expected + 500);
        // What is told is durable already, and nothing of the older one follows.
        assert!(bed.log().len() as u64 == welcome.resume);
        let last = older.rest().await;
        let last = last.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
        assert!(matches!(ServerFrame::parse(last).unwrap(), ServerFrame::Error(_)));
        expected = welcome.resume;
        older = newer;
    }
    assert_eq!(bed.log(), (0..expected).map(|n| message("a", n)).collect::<Vec<_>>());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_line_is_reported_with_its_number_and_first_reason_before_its_ack() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    let good = message("a", 1);
    let future = good.replace(&(support::NOW / 1000 + 1).to_string(), &(support::NOW / 1000 + 700_000).to_string());
    let script = [
        good.clone(),
        "no json".to_owned(),
        String::new(),
        format!("{good}{good}"),
        format!("{good}{future}{{}}"),
        r#"{"serviceName":"a"}"#.to_owned(),
    ];
    client.send(script.map(|line| line + "\n").concat()).await;
    let rejects = client.acked(6).await;
    let expected = [(2, Reject::InvalidJson), (5, Reject::FutureTimestamp), (6, Reject::MissingField)];
    assert_eq!(rejects, expected);
    assert_eq!(bed.log().len(), 4, "the good objects of a rejected line count all the same");

    drop(client);
    let welcome = running.client().await.hello("c").await;
    assert_eq!((welcome.resume, welcome.rejected), (6, 3));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unterminated_rest_of_an_acking_client_is_dropped_and_of_a_plain_one_accepted() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..3) + &message("a", 3)).await;
    client.acked(3).await;
    drop(client);
    let mut plain = running.client().await;
    plain.send(lines("p", 0..3) + &message("p", 3)).await;
    drop(plain);
    running.durable(7).await;
    assert_eq!(running.client().await.hello("c").await.resume, 3);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_sending_half_still_gets_its_acks() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..1000)).await;
    let support::Client { reader, writer } = client;
    drop(writer);
    let rest = support::Client { reader, writer: running.client().await.writer }.rest().await;
    let last = rest.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
    assert_eq!(ServerFrame::parse(last).unwrap(), ServerFrame::Ack(1000));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_commits_and_acknowledges_what_was_received() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut clients = Vec::new();
    for id in 0..8 {
        let mut client = running.client().await;
        client.hello(&format!("c{id}")).await;
        client.send(lines("a", 0..100)).await;
        clients.push(client);
    }
    running.stop.cancel();
    for mut client in clients {
        client.acked(100).await;
        assert!(client.rest().await.is_empty());
    }
    soon("the end", running.monitor.wait()).await.unwrap();
    assert_eq!(bed.log().len(), 800);
}

#[tokio::test]
async fn a_drain_takes_in_who_connected_and_sent_before_it_began() {
    let bed = Bed::local();
    let running = bed.start().await;
    // On one thread that does not wait, nobody accepts meanwhile.
    for n in 0..50 {
        let mut socket = std::net::TcpStream::connect(running.monitor.local_addr()).unwrap();
        std::io::Write::write_all(&mut socket, format!("{}\n", message("a", n)).as_bytes()).unwrap();
    }
    running.stop().await.unwrap();
    assert_eq!(bed.log().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_never_sent_a_line_is_not_remembered() {
    let mut bed = Bed::local();
    bed.options.clients_max = 1;
    let running = bed.start().await;
    let mut client = running.client().await;
    client.send("{\"hourglass\":{\"version\":9}}\n{\"hourglass\":{\"version\":1,\"client\":\"ghost\"}}\n").await;
    running.rejected(1).await;
    client.writer.shutdown().await.unwrap();
    client.rest().await;
    running.stop().await.unwrap();

    let running = bed.start().await;
    let mut honest = running.client().await;
    assert_eq!(honest.hello("honest").await.resume, 0);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_clients_max_a_new_id_is_refused_and_a_known_one_is_not() {
    let mut bed = Bed::local();
    bed.options.clients_max = 2;
    let running = bed.start().await;
    for id in ["silent", "a", "b"] {
        let mut client = running.client().await;
        client.hello(id).await;
        if id != "silent" {
            client.send(lines(id, 0..1)).await;
            client.acked(1).await;
        }
        // A client that never sent a line is forgotten once it has left.
        drop(client.writer);
        let mut end = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client.reader, &mut end).await.unwrap();
    }
    let mut refused = running.client().await;
    refused.say_hello("c").await;
    assert!(matches!(refused.frame().await, ServerFrame::Error(reason) if reason.contains("clients.max")));
    assert_eq!(running.client().await.hello("b").await.resume, 1);
    running.stop().await.unwrap();
}
