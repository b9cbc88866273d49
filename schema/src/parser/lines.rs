//! Lines to test the parser with: clients' layouts, messages in them, and damage.

use proptest::prelude::*;

/// How one client writes a message: members in order, with values to fill in.
#[derive(Clone, Debug)]
pub(super) struct Client {
    members: Vec<(String, Shape)>,
    space: &'static str,
}

/// What a member holds.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Service,
    ServiceId,
    Seconds,
    Millis,
    Text,
    Rfc3339,
    Number,
    Capacity { swapped: bool, unit: bool },
    Nested,
    Constant(&'static str),
}

/// Any client: keys shuffled, spelled and spaced at will, with unknown and duplicate ones among them.
pub(super) fn client() -> impl Strategy<Value = Client> {
    let service = (
        spelled(&["service", "serviceName", "service_name"]),
        prop_oneof![4 => Just(Shape::Service), 1 => Just(Shape::ServiceId)],
    );
    let time = (
        spelled(&["Timestamp", "time", "ts"]),
        prop_oneof![Just(Shape::Millis), Just(Shape::Seconds), Just(Shape::Rfc3339)],
    );
    let known = (service, time, metric("CPU"), metric("RAM"), metric("Disk"));
    let unknown = (
        spelled(&["host", "", "x.y", "Total", "free", "l\\u00e4nge"]),
        prop_oneof![
            Just(Shape::Text),
            Just(Shape::Number),
            Just(Shape::Nested),
            Just(Shape::Constant("null")),
            Just(Shape::Constant("[{},[true]]")),
        ],
    );
    let duplicate = (
        spelled(&["service", "ts", "cpu", "disk"]),
        prop_oneof![Just(Shape::Constant("{}")), Just(Shape::Number), Just(Shape::Text)],
    );
    let members = (
        known.prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e]),
        prop::collection::vec(unknown, 0..3),
        prop_oneof![3 => Just(vec![]), 1 => duplicate.prop_map(|member| vec![member])],
    )
        .prop_map(|(known, unknown, duplicate)| [known, unknown, duplicate].concat())
        .prop_shuffle();
    (members, prop_oneof![Just(""), Just(" "), Just("\t \r")]).prop_map(|(members, space)| Client { members, space })
}

fn metric(name: &'static str) -> impl Strategy<Value = (String, Shape)> {
    let capacity = (any::<bool>(), any::<bool>()).prop_map(|(swapped, unit)| Shape::Capacity { swapped, unit });
    (spelled(&[name]), prop_oneof![Just(Shape::Number), capacity])
}

/// One of the names, in some case, perhaps with an escape.
fn spelled(names: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    (prop::sample::select(names.to_vec()), 0u8..6).prop_map(|(name, spelling)| match (spelling, name.chars().next()) {
        (0, _) if !name.contains('\\') => name.to_uppercase(),
        (1, _) if !name.contains('\\') => name.to_lowercase(),
        (2, Some(first)) if first != '\\' => format!("\\u{:04X}{}", u32::from(first), &name[first.len_utf8()..]),
        _ => name.to_owned(),
    })
}

impl Client {
    /// A message of this client, its values picked by number; mostly a valid one.
    pub(super) fn message(&self, picks: &[u32]) -> String {
        let mut picks = picks.iter().copied().cycle();
        let mut pick = || picks.next().unwrap_or_default();
        let space = self.space;
        let members: Vec<String> = self
            .members
            .iter()
            .map(|(key, shape)| format!("\"{key}\"{space}:{space}{}", shape.value(space, &mut pick)))
            .collect();
        format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
    }
}

impl Shape {
    fn value(self, space: &str, pick: &mut impl FnMut() -> u32) -> String {
        match self {
            Shape::Service => format!("\"{}\"", text(pick())),
            Shape::ServiceId => (pick() as i32).to_string(),
            Shape::Seconds => format!("{}.{:03}", 1_763_715_600 + pick() % 10_000, pick() % 1000),
            Shape::Millis => format!("{}", 1_763_715_600_123 + u64::from(pick())),
            Shape::Text => format!("\"{}\"", text(pick())),
            Shape::Rfc3339 => {
                format!("\"2025-11-21T09:{:02}:00.{:03}+0{}:30\"", pick() % 60, pick() % 1000, pick() % 9)
            }
            Shape::Number => number(pick()),
            Shape::Capacity { swapped, unit } => {
                let (total, free) = (number(pick()), number(pick() % 4));
                let (total, free) = (format!("\"Total\":{space}{total}"), format!("\"Free\":{space}{free}"));
                let unit = if unit { format!(",{space}\"unit\":\"{}\"", text(pick())) } else { String::new() };
                if swapped { format!("{{{free},{total}{unit}}}") } else { format!("{{{total},{free}{unit}}}") }
            }
            Shape::Nested => format!("{{\"cpu\":{},\"a\":[{},\"{}\"]}}", number(pick()), number(pick()), text(pick())),
            Shape::Constant(json) => json.to_owned(),
        }
    }
}

/// Numbers of every kind that matters, good ones more often.
fn number(pick: u32) -> String {
    let (kind, n) = (pick % 32, pick / 32);
    match kind {
        0..=9 => format!("0.{:02}", n % 100),
        10..=15 => format!("{}.{}", n % 1000, n % 10),
        16..=18 => format!("{}", n % 100_000),
        19..=21 => format!("{}.{:07}", n % 100, n % 10_000_000),
        22 => format!("{}.{:06}", u64::from(n) * 4000, n % 1_000_000),
        23 => format!("-{}.5", n % 10),
        24 => format!("{}e{}", n % 1000, n as i32 % 12),
        25 => format!("{}.25E-{}", n % 1000, n % 12),
        26 => "999999999999.9999995".to_owned(),
        27 => "1e400".to_owned(),
        28 => format!("{n}.0000005"),
        _ => format!("{}.0", n % 512),
    }
}

fn text(pick: u32) -> String {
    let words =
        ["checkout", "a", "billing-eu-west-1", "gr\u{fc}n", "\\u00e4\\ud83d\\ude00", "\\\"", "a/b c", "\u{1F600}"];
    match pick % 64 {
        0 => String::new(),
        1 => "x".repeat(130),
        2 => "\\u0007".to_owned(),
        3 => "\u{7f}".to_owned(),
        pick => words[pick as usize % words.len()].to_owned(),
    }
}

/// Damage to a line: bytes replaced, inserted or removed.
pub(super) fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![3 => prop::sample::select(b"\"\\{}[],:.-+0159eEun \t\n".to_vec()), 1 => any::<u8>()];
    prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, byte), 0..3)
}

/// A line after damage.
pub(super) fn damaged(line: &str, damage: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut line = line.as_bytes().to_vec();
    for (index, kind, byte) in damage {
        let at = index.index(line.len());
        match kind {
            0 => line[at] = *byte,
            1 => line.insert(at, *byte),
            _ => _ = line.remove(at),
        }
    }
    line
}
