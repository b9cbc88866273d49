//! What a stream hands over, whichever way its bytes were cut.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use schema::{Incarnation, Metrics, Micros, MonitorId, Rejects};
use storage::ManualClock;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::budget::Budget;
use crate::buffer::{Filling, Limits};
use crate::clients::Clients;
use crate::instruments::Instruments;
use crate::intake::Intakes;
use crate::services::Services;

const NOW: i64 = 1_795_248_000_000_000;

fn ingest() -> Ingest {
    let services = Arc::new(Services::new([], 2));
    let limits = Limits { items: 1, linger: Duration::ZERO, bytes: usize::MAX };
    Ingest {
        buffer: Arc::new(Buffer::new(
            limits,
            Clients::new([], 10, true),
            Arc::clone(&services),
            Instruments::default(),
        )),
        intakes: Intakes::new(Metrics::default(), services),
        budget: Budget::new(1 << 20, 1),
        access: access::Access::open(),
        tls: None,
        connections: 1,
        clock: Arc::new(ManualClock::new(Micros::new(NOW).unwrap())),
        future: Duration::from_secs(600),
        monitor: MonitorId::new("m").unwrap(),
        incarnation: Incarnation::new(1),
        drain: CancellationToken::new(),
        sealed: CancellationToken::new(),
        abort: CancellationToken::new(),
        instruments: Instruments::default(),
    }
}

/// Everything a stream of these reads hands over: log, queue, rejects, lines, reports.
fn handed_over<'a>(reads: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<u8>, Rejects, u64, Vec<u8>) {
    let ingest = ingest();
    let mut stream = Stream::new(None);
    let mut out = Vec::new();
    let arrival = ingest.arrival(([127, 0, 0, 1], 1).into());
    for read in reads {
        let mut intake = ingest.intakes.take();
        let (from, held) = (stream.offset(), stream.held());
        intake.input[from..from + read.len()].copy_from_slice(read);
        stream.take(&mut intake, from..from + read.len(), arrival, &ingest, &mut out).unwrap();
        assert!(stream.offset() <= MAX_LINE);
        assert!(stream.held() <= held + read.len() * stream.weight(), "no more is held than was granted");
        ingest.intakes.give_back(intake);
    }
    let mut intake = ingest.intakes.take();
    stream.finish(&mut intake, arrival, &ingest);
    ingest.buffer.close();
    let mut full = Filling::default();
    ingest.buffer.next(&mut full);
    let batch = &full.batch;
    ingest.buffer.release(&batch.clients, None);
    if let Some(answers) = stream.answers() {
        while !answers.complete() {
            let mut frames = Vec::new();
            answers.frames(&ingest, &mut frames);
            out.extend(frames);
        }
    }
    let lines = batch.clients.first().map_or(0, |(_, count)| count.consumed);
    (batch.log.clone(), batch.queue.clone(), batch.rejected, lines, out)
}

fn message(service: &str, n: u64) -> String {
    format!(r#"{{"service":"{service}","ts":{},"cpu":{n},"ram":0.5,"disk":{{"Total":4,"Free":1}}}}"#, NOW / 1_000_000)
}

/// A piece of a stream: lines, objects, and what clients get wrong.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        4 => (0_u64..9).prop_map(|n| message("a", n) + "\n"),
        2 => (0_u64..9).prop_map(|n| message("b", n)),
        1 => (0_u64..9).prop_map(|n| message("one too many", n) + "\n"),
        1 => (0_u64..9).prop_map(|n| message("a", n) + ",\r\n"),
        1 => (0_usize..4).prop_map(|n| [" ", "\n", "\r\n", ","][n].to_owned()),
        1 => (0_usize..5).prop_map(|n| ["nonsense", "{\"a\":", "}", "\"", "{}"][n].to_owned()),
        1 => (MAX_LINE - 200..MAX_LINE + 200).prop_map(|n| format!("{{\"pad\":\"{}\"", "p".repeat(n))),
        1 => (0_u64..9).prop_map(|n| format!("{{\"pad\":\"{}\",{}\n", "p".repeat(MAX_LINE - 200), &message("a", n)[1..])),
    ];
    text.prop_map(String::into_bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_handed_over_does_not_depend_on_the_cuts(
        pieces in prop::collection::vec(piece(), 1..12),
        acking: bool,
        cuts in prop::collection::vec(1_usize..100_000, 1..20),
        small in prop::collection::vec(1_usize..300, 1..20),
    ) {
        let hello = b"{\"hourglass\": {\"version\": 1, \"client\": \"c\"}}\n";
        let text = [if acking { &hello[..] } else { b"" }, &pieces.concat()].concat();
        // One read holds no more than an intake does.
        let whole = handed_over(text.chunks(crate::intake::READ));
        for sizes in [cuts, small] {
            let mut rest = &text[..];
            let mut sizes = sizes.iter().cycle();
            let reads = std::iter::from_fn(|| {
                let (read, after) = rest.split_at(rest.len().min(*sizes.next()?));
                rest = after;
                (!read.is_empty()).then_some(read)
            });
            prop_assert_eq!(&handed_over(reads), &whole);
        }
    }
}

#[test]
fn a_hello_is_known_however_it_is_written_and_cut() {
    for hello in [
        "{\"hourglass\":{\"version\":1,\"client\":\"c\"}}\n",
        " { \"hourglass\" : {\"client\":\"c\",\"version\":1} }\r\n",
    ] {
        for cut in 1..hello.len() {
            let text = hello.to_owned() + &message("a", 1) + "\n";
            let (_, _, _, lines, answers) = handed_over(text.as_bytes().chunks(cut));
            assert_eq!(lines, 1);
            assert!(answers.starts_with(br#"{"hourglass":{"version":1,"monitor":"m/0000000000000001","resume":0"#));
            assert!(answers.ends_with(b"{\"ack\":1}\n"));
        }
    }
}
