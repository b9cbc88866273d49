//! Bad input is data: counted by reason, kept, reported; it ends neither connection nor process.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use schema::{MAX_LINE, Reject, ServerFrame};
use support::{Bed, lines, message, until};

#[tokio::test(flavor = "multi_thread")]
async fn invalid_lines_are_counted_by_reason_and_quarantined_and_the_connection_lives_on() {
    let mut bed = Bed::local();
    bed.options.accept_services = 2;
    let running = bed.start().await;
    let good = message("a", 1);
    let bad: [(&[u8], Reject); 10] = [
        (b"not json", Reject::InvalidJson),
        (br#"{"serviceName":"a","Timestamp":1}"#, Reject::MissingField),
        (br#"{"service":"a","ts":1,"cpu":"1","ram":1,"disk":1}"#, Reject::WrongType),
        (br#"{"service":"a","ts":1,"cpu":NaN,"ram":1,"disk":1}"#, Reject::NumberOutOfRange),
        (br#"{"service":"a","ts":1,"cpu":1e12,"ram":1,"disk":1}"#, Reject::NumberOutOfRange),
        (br#"{"service":"a","ts":1,"cpu":1,"ram":{"Total":0,"Free":0},"disk":1}"#, Reject::CapacityOutOfRange),
        (br#"{"service":"","ts":1,"cpu":1,"ram":1,"disk":1}"#, Reject::InvalidService),
        (br#"{"service":"a","ts":-1,"cpu":1,"ram":1,"disk":1}"#, Reject::InvalidTimestamp),
        (br#"{"service":"a","ts":9999999999,"cpu":1,"ram":1,"disk":1}"#, Reject::FutureTimestamp),
        (b"{\"service\":\"\xff\",\"ts\":1,\"cpu\":1,\"ram\":1,\"disk\":1}", Reject::InvalidUtf8),
    ];
    let mut client = running.client().await;
    for (line, _) in &bad {
        client.send([line, &b"\n"[..]].concat()).await;
    }
    client.send(good.clone() + "\n").await;
    client.send(lines("b", 2..3) + &lines("c", 3..4) + &lines("a", 4..5)).await;
    running.durable(3).await;
    running.rejected(11).await;

    let rejected = running.monitor.progress().borrow().rejected;
    assert_eq!(rejected.get(Reject::TooManyServices), 1);
    for (line, reason) in &bad {
        let expected = bad.iter().filter(|(_, other)| other == reason).count() as u64;
        assert_eq!(rejected.get(*reason), expected, "{}", String::from_utf8_lossy(line));
    }
    drop(client);
    running.stop().await.unwrap();
    assert_eq!(bed.log(), [good, message("b", 2), message("a", 4)]);
    let date = bed.snapshot().generations[0].pieces[0].date;
    let quarantine = String::from_utf8(bed.read(&bed.folder().quarantine(date))).unwrap();
    assert_eq!(quarantine.lines().count(), 11);
    assert!(quarantine.contains(r#""reason":"invalid_json","line":"not json""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_does_not_depend_on_how_the_bytes_were_cut() {
    let text = [
        lines("a", 0..3).into_bytes(),
        format!("{}{} , {}\r\n", message("b", 1), message("b", 2), message("b", 3)).into_bytes(),
        format!("  {},\r\n\n\r\nnonsense\n", message("c", 1)).into_bytes(),
        vec![b'x'; MAX_LINE + 1],
        b"\n".to_vec(),
        format!("{{\"pad\":\"{}\",{}\n", "y".repeat(MAX_LINE - 200), &message("d", 1)[1..]).into_bytes(),
        format!("{{\"pad\":\"{}\",{}\n", "y".repeat(MAX_LINE), &message("d", 2)[1..]).into_bytes(),
        lines("e", 0..2).into_bytes(),
    ]
    .concat();
    let mut outcomes = Vec::new();
    for cut in [usize::MAX, 1, 7, 1000, 65_536] {
        for acking in [false, true] {
            let bed = Bed::local();
            let running = bed.start().await;
            let mut client = running.client().await;
            if acking {
                client.hello("c").await;
            }
            // Every byte is written alone, but need not arrive alone.
            let bytes = if cut == 1 { &text[..2000] } else { &text[..] };
            for piece in bytes.chunks(cut.min(bytes.len())) {
                client.send(piece).await;
            }
            drop(client);
            let messages = if cut == 1 { 7 } else { 10 };
            running.durable(messages).await;
            let rejected = running.monitor.progress().borrow().rejected;
            running.stop().await.unwrap();
            if cut != 1 {
                outcomes.push((bed.log(), rejected));
            }
        }
    }
    let reasons: Vec<_> = outcomes[0].1.iter().collect();
    assert_eq!(reasons, [(Reject::InvalidJson, 1), (Reject::LineTooLong, 2)]);
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_without_any_newline_count_as_they_come() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut client = running.client().await;
    for n in 0..3 {
        client.send(message("a", n)).await;
        running.durable(n + 1).await;
    }
    // Also far beyond what one line may hold.
    client.send((3..1000).map(|n| message("a", n)).collect::<String>()).await;
    running.durable(1000).await;
    assert_eq!(bed.log(), (0..1000).map(|n| message("a", n)).collect::<Vec<_>>());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_is_counted_once_and_held_by_nobody() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    for _ in 0..64 {
        client.send(vec![b'x'; 1 << 20]).await;
        let held = bed.status().map_or(0, |status| status.held_bytes);
        assert!(held < 1 << 26, "{held} bytes held");
    }
    client.send("\n".to_owned() + &lines("a", 0..1)).await;
    assert_eq!(client.acked(2).await, [(1, Reject::LineTooLong)]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_hello_is_reported_and_the_connection_lives_on() {
    let bed = Bed::local();
    let running = bed.start().await;
    let mut client = running.client().await;
    client.send("{\"hourglass\":{\"version\":2,\"client\":\"c\"}}\n").await;
    assert_eq!(client.frame().await, ServerFrame::Reject { line: 0, reason: Reject::InvalidHello });
    assert_eq!(client.hello("c").await.resume, 0);
    client.send(lines("a", 0..1)).await;
    client.acked(1).await;

    let mut plain = running.client().await;
    plain.send("{\"hourglass\":{}}\n".to_owned() + &lines("b", 0..1)).await;
    running.durable(2).await;
    let progress = running.monitor.progress();
    until("both to be counted", || progress.borrow().rejected.get(Reject::InvalidHello) == 2).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_or_ahead_and_back_stops_nothing() {
    let bed = Bed::local();
    let running = bed.start().await;
    let now = schema::Micros::new(support::NOW).unwrap();
    let mut client = running.client().await;
    client.hello("c").await;
    for (n, hours) in [0, 24 * 365 * 73, 0, -1, 24, 0].into_iter().enumerate() {
        bed.clock.set(now.saturating_add(hours * 3_600_000_000));
        let time = bed.clock_now() / 1000;
        let line = message("a", 0).replace(&(support::NOW / 1000).to_string(), &time.to_string());
        client.send(line + "\n").await;
        assert_eq!(client.acked(n as u64 + 1).await, []);
    }
    assert_eq!(bed.log().len(), 6);
    running.stop().await.unwrap();
}
