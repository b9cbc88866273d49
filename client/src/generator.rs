//! Seeded health messages as NDJSON, faster than anything that reads them.
//!
//! In: a [`Profile`]. Out: lines of about 141 bytes, each ending in `\n`. Must hold: the same profile gives the same
//! bytes on every machine; every line is valid; and the three varieties of one profile hold the same messages.
//! `values.rs` says what the services report, `layout.rs` how it is spelled.

mod clock;
mod layout;
mod random;
mod template;
mod values;

use schema::{Micros, ServiceName};

use crate::error::ClientError;
use clock::Face;
use layout::Layouts;
pub use layout::Variety;
use random::{Random, scale};
use template::{Constants, Line};
use values::{Character, Trend};

/// What to generate.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Everything random follows from this.
    pub seed: u64,
    /// Which of several streams of that seed: the services are the same, their messages are others.
    pub stream: u64,
    /// Each message comes from one of these, evenly, at random. See [`service_names`].
    pub services: Vec<ServiceName>,
    /// How many messages.
    pub messages: u64,
    /// The first message's time, between 2001-09-09 and 2286-11-20.
    pub start: Micros,
    /// The time that all messages spread over evenly, in microseconds; they are stamped in whole milliseconds.
    pub span: u64,
    /// How lines are spelled.
    pub variety: Variety,
}

/// The first `count` names of generated services: `checkout`, `payments`, `shipping`, `accounts`, `checkout-2` …
pub fn service_names(count: usize) -> Vec<ServiceName> {
    const NAMES: [&str; 4] = ["checkout", "payments", "shipping", "accounts"];
    (0..count)
        .filter_map(|i| {
            let name = NAMES[i % NAMES.len()];
            let round = i / NAMES.len() + 1;
            let name = if round == 1 { name.to_owned() } else { format!("{name}-{round}") };
            ServiceName::new(&name).ok()
        })
        .collect()
}

/// Sets streams of one seed apart.
const STREAM: u64 = 0xd134_2543_de82_ef95;

/// A stream of generated lines.
#[derive(Clone, Debug)]
pub struct Generator {
    services: Box<[Service]>,
    values: Random,
    order: Random,
    face: Face,
    line: Line,
    index: u64,
    times: Times,
}

impl Generator {
    /// A generator at its first message.
    ///
    /// # Errors
    /// [`ClientError::Option`] without services, or with times whose seconds do not have ten digits.
    pub fn new(profile: &Profile) -> Result<Self, ClientError> {
        let start = profile.start.get();
        if profile.services.is_empty() {
            return Err(ClientError::option("services", "none", "at least one"));
        }
        let end = i64::try_from(profile.span).ok().and_then(|span| start.checked_add(span));
        if start < clock::FIRST || end.is_none_or(|end| end > clock::LAST) {
            let allowed = "from 2001-09-09T01:46:40Z to 2286-11-20T17:46:39Z";
            return Err(ClientError::option("start", profile.start, allowed));
        }
        Ok(Self {
            services: profile.services.iter().map(|name| Service::new(name.as_str(), profile)).collect(),
            values: Random::new(profile.seed ^ profile.stream.wrapping_mul(STREAM)),
            order: Random::new(!profile.seed ^ profile.stream.wrapping_mul(STREAM)),
            face: Face::new(),
            line: Line::new(),
            index: 0,
            times: Times::new(start as u64, profile.span, profile.messages),
        })
    }

    /// How many messages are still to come.
    pub fn remaining(&self) -> u64 {
        self.times.messages - self.index
    }

    /// Appends the next `count` lines, fewer at the end; returns how many.
    pub fn fill(&mut self, out: &mut Vec<u8>, count: u64) -> u64 {
        let count = count.min(self.remaining());
        for _ in 0..count {
            let time = self.times.next();
            self.push(out, time);
        }
        count
    }

    /// As [`fill`](Self::fill), with `now` as every line's time: live load.
    pub fn fill_at(&mut self, out: &mut Vec<u8>, count: u64, now: Micros) -> u64 {
        let count = count.min(self.remaining());
        let now = now.get().clamp(clock::FIRST, clock::LAST) as u64;
        for _ in 0..count {
            self.push(out, now);
        }
        count
    }

    #[inline]
    fn push(&mut self, out: &mut Vec<u8>, micros: u64) {
        let service = scale(self.values.next() >> 32, self.services.len());
        let service = &mut self.services[service];
        let values = service.trend(micros).values(self.values.next());
        let time = self.face.show(micros);
        self.line.clear();
        service.layouts.render(&mut self.line, self.index, &mut self.order, time, &values);
        self.line.byte(b'\n');
        out.extend_from_slice(self.line.bytes());
        self.index += 1;
    }
}

/// One service: who it is, how it spells, and its trend in the current minute.
#[derive(Clone, Debug)]
struct Service {
    character: Character,
    layouts: Layouts,
    minute: u64,
    trend: Trend,
}

impl Service {
    fn new(name: &str, profile: &Profile) -> Self {
        let character = Character::new(name, profile.seed);
        let quoted = serde_json::Value::from(name).to_string();
        let constants = Constants {
            service: &quoted[1..quoted.len() - 1],
            ram_total: character.ram_total,
            disk_total: character.disk_total,
        };
        let layouts = Layouts::new(profile.variety, &constants);
        let trend = character.trend(0);
        Self { character, layouts, minute: 0, trend }
    }

    #[inline]
    fn trend(&mut self, micros: u64) -> &Trend {
        let minute = micros / 60_000_000;
        if minute != self.minute {
            self.minute = minute;
            self.trend = self.character.trend(minute * 60);
        }
        &self.trend
    }
}

/// The messages' times: `start + floor(i * span / messages)`, without a division a message.
#[derive(Clone, Debug)]
struct Times {
    messages: u64,
    next: u64,
    step: u64,
    step_rest: u64,
    rest: u64,
}

impl Times {
    fn new(start: u64, span: u64, messages: u64) -> Self {
        let divisor = messages.max(1);
        Self { messages, next: start, step: span / divisor, step_rest: span % divisor, rest: 0 }
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let time = self.next;
        self.next += self.step;
        // Neither is above `messages`, and a generator does not live to see 2^63 of them.
        self.rest += self.step_rest;
        if self.rest >= self.messages {
            self.rest -= self.messages;
            self.next += 1;
        }
        time
    }
}
