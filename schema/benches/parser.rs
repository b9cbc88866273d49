//! What parsing, writing a queue row and adding to an aggregate cost: `cargo bench -p hourglass-schema`.
//!
//! Each benchmark goes over the same 8192 messages, made from a fixed seed; the rates are messages a second on one
//! core. Shuffled keys defeat every prediction: that one is the full parser.

use std::fmt::Write as _;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use hourglass_schema::{Metrics, Micros, Millionths, MinuteAggregate, Next, Parser, queue_row};

const MESSAGES: usize = 8192;

fn main() {
    divan::main();
}

#[divan::bench]
fn one_layout(bencher: Bencher<'_, '_>) {
    parse(bencher, &lines(&EIGHT[..1], false));
}

#[divan::bench]
fn eight_layouts_in_turn(bencher: Bencher<'_, '_>) {
    parse(bencher, &lines(&EIGHT, false));
}

#[divan::bench]
fn eight_layouts_at_random(bencher: Bencher<'_, '_>) {
    parse(bencher, &lines(&EIGHT, true));
}

#[divan::bench]
fn shuffled_and_unknown_keys(bencher: Bencher<'_, '_>) {
    parse(bencher, &shuffled());
}

#[divan::bench]
fn queue_rows_written(bencher: Bencher<'_, '_>) {
    let bytes = lines(&EIGHT[..1], false);
    let mut parser = Parser::new(&Metrics::default());
    let mut messages = Vec::new();
    each(&mut parser, &bytes, |message| {
        messages.push((message.service.to_owned(), message.time, message.values.to_vec()))
    });
    let mut out = Vec::with_capacity(MESSAGES * 80);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        for (service, time, values) in &messages {
            queue_row::encode(&mut out, &hourglass_schema::Message { service, time: *time, values });
        }
        black_box(out.len())
    });
}

#[divan::bench]
fn queue_rows_read(bencher: Bencher<'_, '_>) {
    let (bytes, metrics) = (lines(&EIGHT[..1], false), Metrics::default());
    let mut out = Vec::new();
    each(&mut Parser::new(&metrics), &bytes, |message| queue_row::encode(&mut out, &message));
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        let mut rows = queue_row::Rows::new(black_box(&out), &metrics);
        let mut sum = 0;
        while let Some(Ok(message)) = rows.next() {
            sum += message.values[0].get();
        }
        sum
    });
}

#[divan::bench]
fn added_to_an_aggregate(bencher: Bencher<'_, '_>) {
    let mut random = Random(7);
    let mut value = || Millionths::new(random.below(1_000_000) as i64).unwrap_or_default();
    let messages: Vec<(Micros, [Millionths; 3])> =
        (0..MESSAGES as i64).filter_map(|i| Some((Micros::new(i)?, [value(), value(), value()]))).collect();
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        let mut aggregate = MinuteAggregate::new(3);
        for (time, values) in black_box(&messages) {
            aggregate.add(*time, values);
        }
        aggregate
    });
}

fn parse(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    let mut parser = Parser::new(&Metrics::default());
    let mut messages = 0;
    each(&mut parser, bytes, |_| messages += 1);
    assert_eq!(messages, MESSAGES, "every line is a message");
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        let mut sum = 0;
        each(&mut parser, black_box(bytes), |message| {
            sum += message.time.get() + message.service.len() as i64;
            sum += message.values.iter().map(|value| value.get()).sum::<i64>();
        });
        sum
    });
}

fn each(parser: &mut Parser, bytes: &[u8], mut visit: impl FnMut(hourglass_schema::Message<'_>)) {
    let mut at = 0;
    loop {
        match parser.next(&bytes[at..]) {
            Next::Message { message, end, .. } => {
                visit(message);
                at += end;
            }
            Next::EndOfLine { end } | Next::Reject { end, .. } => at += end,
            Next::Incomplete => return,
        }
    }
}

/// Eight clients' ways to write a message. The letters in angle brackets are filled in.
const EIGHT: [&str; 8] = [
    r#"{"serviceName":"<s>","Timestamp":<ms>,"CPU":<c>,"RAM":{"Total":64.0,"Free":<r>},"Disk":{"Total":512.0,"Free":<d>}}"#,
    r#"{"serviceName": "<s>", "Timestamp": <t>, "CPU": <c>, "RAM": {"Total": 64, "Free": <r>}, "Disk": {"Total": 512, "Free": <d>}}"#,
    r#"{"CPU":<c>,"Disk":{"Free":<d>,"Total":512},"RAM":{"Free":<r>,"Total":64},"service":"<s>","ts":<ms>}"#,
    r#"{"time":"<z>","service_name":"<s>","cpu":<c>,"ram":{"total":64,"free":<r>},"disk":{"total":512,"free":<d>}}"#,
    r#"{"timestamp":<ms>000,"service":"<s>","host":"web-17","cpu":<c>,"ram":{"free":<r>,"total":64.00},"disk":{"free":<d>,"total":512.00},"region":"eu-west-1"}"#,
    r#"{ "SERVICE" : "<s>" , "TS" : <ms>000000 , "RAM" : { "TOTAL" : 64 , "FREE" : <r> } , "DISK" : { "TOTAL" : 512 , "FREE" : <d> } , "CPU" : <c> }"#,
    r#"{"v":2,"serviceName":"<s>","Timestamp":<ms>,"Disk":{"Total":512.0,"Free":<d>},"RAM":{"Total":64.0,"Free":<r>},"CPU":<c>00,"labels":{"team":"core","tier":1}}"#,
    r#"{"Service":"<s>","Time":"<z>","Cpu":<c>,"Ram":{"Total":64,"Free":<r>,"Unit":"GiB"},"Disk":{"Total":512,"Free":<d>,"Unit":"GiB"}}"#,
];

fn lines(layouts: &[&str], at_random: bool) -> Vec<u8> {
    let mut random = Random(1);
    let mut lines = String::new();
    for i in 0..MESSAGES {
        let layout = if at_random { random.below(layouts.len() as u64) as usize } else { i % layouts.len() };
        lines.push_str(&filled(layouts[layout], i, &mut random));
        lines.push('\n');
    }
    lines.into_bytes()
}

/// Every line its own: known keys in any order, one to three unknown ones among them.
fn shuffled() -> Vec<u8> {
    const UNKNOWN: [&str; 5] =
        [r#""host":"web-17""#, r#""pid":40213"#, r#""healthy":true"#, r#""tags":["blue","canary"]"#, r#""trace":null"#];
    let mut random = Random(2);
    let mut lines = String::new();
    for i in 0..MESSAGES {
        let mut members = vec![
            r#""serviceName":"<s>""#,
            r#""Timestamp":<ms>"#,
            r#""CPU":<c>"#,
            r#""RAM":{"Total":64.0,"Free":<r>}"#,
            r#""Disk":{"Free":<d>,"Total":512.0}"#,
        ];
        for _ in 0..=random.below(3) {
            members.push(UNKNOWN[random.below(5) as usize]);
        }
        for j in (1..members.len()).rev() {
            members.swap(j, random.below(j as u64 + 1) as usize);
        }
        let _ = writeln!(lines, "{{{}}}", filled(&members.join(","), i, &mut random));
    }
    lines.into_bytes()
}

fn filled(layout: &str, i: usize, random: &mut Random) -> String {
    let services = ["checkout", "billing", "search", "recommendations"];
    let millis = 1_763_715_600_123 + i as u64;
    let (seconds, rest) = (millis / 1000, millis % 1000);
    layout
        .replace("<s>", services[random.below(4) as usize])
        .replace("<ms>", &millis.to_string())
        .replace("<t>", &format!("{seconds}.{rest:03}"))
        .replace("<z>", &format!("2025-11-21T09:00:{:02}.{rest:03}Z", seconds % 60))
        .replace("<c>", &format!("0.{:02}", random.below(100)))
        .replace("<r>", &format!("{}.{}", random.below(64), random.below(10)))
        .replace("<d>", &format!("{}.{}", random.below(512), random.below(10)))
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
