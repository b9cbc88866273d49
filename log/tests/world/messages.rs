//! Random batches, as a monitor would put them together.

use hourglass_log::{Batch, ClientCount};
use rand::rngs::StdRng;
use rand::{RngExt, seq::IndexedRandom};
use schema::{ClientId, Metrics, Micros, Next, Parser, Reject, ServiceName, queue_row};

/// Services, some of which CSV has to quote and JSON to escape.
const SERVICES: [&str; 5] = ["checkout", "a,b", "say \"hi\"", "Zahlung/ä", "payments-2"];

/// Makes batches.
pub struct Messages {
    parser: Parser,
}

impl Messages {
    pub fn new() -> Self {
        Self { parser: Parser::new(&Metrics::default()) }
    }

    /// A batch of `count` random messages.
    pub fn batch(&mut self, rng: &mut StdRng, count: usize) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..count {
            let line = format!("{}\n", line(rng));
            batch.log.extend_from_slice(line.as_bytes());
            let Next::Message { message, .. } = self.parser.next(line.as_bytes()) else { panic!("{line}") };
            queue_row::encode(&mut batch.queue, &message);
            batch.messages += 1;
            batch.least = batch.least.min(message.time);
            batch.greatest = batch.greatest.max(message.time);
            batch.services.push(ServiceName::new(message.service).unwrap());
        }
        batch
    }

    /// A batch with anything in it that a batch can have; `clients` go on from `totals`.
    pub fn any_batch(&mut self, rng: &mut StdRng, totals: impl Fn(&ClientId) -> ClientCount) -> Batch {
        let count = *[0, 1, 1, 2, 5, 40].choose(rng).unwrap();
        let mut batch = self.batch(rng, count);
        for _ in 0..rng.random_range(0..3) {
            batch.rejected.add(*Reject::ALL.choose(rng).unwrap());
        }
        let clients = if rng.random_bool(0.1) { 12 } else { rng.random_range(0..3) };
        for _ in 0..clients {
            let number = rng.random_range(0..15_u32);
            let id = ClientId::new(&format!("client-{}-{number}", "x".repeat(number as usize * 4))).unwrap();
            let before = totals(&id);
            let rejected = rng.random_range(0..3);
            let consumed = before.consumed + rejected + rng.random_range(0..5);
            batch.clients.retain(|(other, _)| *other != id);
            batch.clients.push((id, ClientCount { consumed, rejected: before.rejected + rejected }));
        }
        batch
    }
}

fn line(rng: &mut StdRng) -> String {
    let service = serde_json::to_string(SERVICES.choose(rng).unwrap()).unwrap();
    let time = 1_763_700_000_000_000_i64 + rng.random_range(-200_000_000_000..200_000_000_000);
    let time = Micros::new(time).unwrap().get();
    let (cpu, free) = (rng.random_range(0..1_000_000), rng.random_range(0..16_000));
    format!(
        r#"{{"serviceName":{service},"Timestamp":{time},"CPU":0.{cpu:06},"RAM":{{"Total":16000,"Free":{free}}},"Disk":0.5}}"#
    )
}
