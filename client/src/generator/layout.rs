//! How a message is spelled: one layout, eight clients' layouts, or every line its own.
//!
//! In: a [`Variety`] and a service. Out: templates. Must hold: all varieties spell the same message, so the same
//! seed parses to the same messages in each of them.

use super::clock::Rendered;
use super::random::{Random, scale};
use super::template::{Constants, Line, Template};
use super::values::Values;

/// How much the layout of lines varies within one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variety {
    /// One layout: what one client library sends.
    #[default]
    One,
    /// Eight clients' layouts, interleaved line by line: other key orders, names, spacing, capitals, number and time
    /// formats, and constant unknown keys.
    Eight,
    /// Every line its own: keys in random order, nested ones too, with one to three unknown keys among them.
    Shuffled,
}

/// The first is the layout of [`Variety::One`].
const EIGHT: [&str; 8] = [
    r#"{"serviceName":"<service>","Timestamp":<s><ms>,"CPU":<cpu>,"RAM":{"Total":<ram_total>.0,"Free":<ram_free>},"Disk":{"Total":<disk_total>.0,"Free":<disk_free>}}"#,
    r#"{"serviceName": "<service>", "Timestamp": <s>.<ms>, "CPU": <cpu>, "RAM": {"Total": <ram_total>, "Free": <ram_free>}, "Disk": {"Total": <disk_total>, "Free": <disk_free>}}"#,
    r#"{"CPU":<cpu>,"Disk":{"Free":<disk_free>,"Total":<disk_total>},"RAM":{"Free":<ram_free>,"Total":<ram_total>},"service":"<service>","ts":<s><ms>}"#,
    r#"{"time":"<date>.<ms>Z","service_name":"<service>","cpu":<cpu>,"ram":{"total":<ram_total>,"free":<ram_free>},"disk":{"total":<disk_total>,"free":<disk_free>}}"#,
    r#"{"timestamp":<s><ms>000,"service":"<service>","host":"web-17","cpu":<cpu>,"ram":{"free":<ram_free>,"total":<ram_total>.00},"disk":{"free":<disk_free>,"total":<disk_total>.00},"region":"eu-west-1"}"#,
    r#"{ "SERVICE" : "<service>" , "TS" : <s><ms>000000 , "RAM" : { "TOTAL" : <ram_total> , "FREE" : <ram_free> } , "DISK" : { "TOTAL" : <disk_total> , "FREE" : <disk_free> } , "CPU" : <cpu> }"#,
    r#"{"v":2,"serviceName":"<service>","Timestamp":<s><ms>,"Disk":{"Total":<disk_total>.0,"Free":<disk_free>},"RAM":{"Total":<ram_total>.0,"Free":<ram_free>},"CPU":<cpu>00,"labels":{"team":"core","tier":1}}"#,
    r#"{"Service":"<service>","Time":"<date>.<ms>+00:00","Cpu":<cpu>,"Ram":{"Total":<ram_total>,"Free":<ram_free>,"Unit":"GiB"},"Disk":{"Total":<disk_total>,"Free":<disk_free>,"Unit":"GiB"}}"#,
];

/// The members of a shuffled line: each with the spellings that one is drawn from.
const MEMBERS: [[&str; 2]; 5] = [
    [r#""serviceName":"<service>""#; 2],
    [r#""Timestamp":<s><ms>"#; 2],
    [r#""CPU":<cpu>"#; 2],
    [r#""RAM":{"Total":<ram_total>.0,"Free":<ram_free>}"#, r#""RAM":{"Free":<ram_free>,"Total":<ram_total>.0}"#],
    [r#""Disk":{"Total":<disk_total>.0,"Free":<disk_free>}"#, r#""Disk":{"Free":<disk_free>,"Total":<disk_total>.0}"#],
];

/// Unknown keys of a shuffled line.
const UNKNOWN: [&str; 8] = [
    r#""host":"web-17""#,
    r#""region":"eu-west-1""#,
    r#""pid":40213"#,
    r#""version":"1.4.2""#,
    r#""healthy":true"#,
    r#""tags":["blue","canary"]"#,
    r#""uptime":86400.25"#,
    r#""trace":null"#,
];

/// At most this many members in a shuffled line.
const MOST: usize = MEMBERS.len() + 3;

/// One service's templates.
#[derive(Clone, Debug)]
pub(super) enum Layouts {
    /// Whole lines, taken in turn.
    Lines(Box<[Template]>),
    /// Members, shuffled anew for each line.
    Members { known: Box<[[Template; 2]]>, unknown: Box<[Template]> },
}

impl Layouts {
    pub(super) fn new(variety: Variety, constants: &Constants<'_>) -> Self {
        let compile = |format: &&str| Template::compile(format, constants);
        match variety {
            Variety::One => Self::Lines(EIGHT[..1].iter().map(compile).collect()),
            Variety::Eight => Self::Lines(EIGHT.iter().map(compile).collect()),
            Variety::Shuffled => Self::Members {
                known: MEMBERS.iter().map(|[one, other]| [compile(one), compile(other)]).collect(),
                unknown: UNKNOWN.iter().map(compile).collect(),
            },
        }
    }

    /// Appends message number `index` to `line`; `random` is drawn from only when lines are shuffled.
    #[inline]
    pub(super) fn render(&self, line: &mut Line, index: u64, random: &mut Random, time: &Rendered, values: &Values) {
        match self {
            Self::Lines(lines) => lines[index as usize % lines.len()].render(line, time, values),
            Self::Members { known, unknown } => {
                let draw = random.next();
                let (members, count) = shuffled(known, unknown, draw, random);
                line.byte(b'{');
                for (i, member) in members[..count].iter().enumerate() {
                    if i > 0 {
                        line.byte(b',');
                    }
                    member.render(line, time, values);
                }
                line.byte(b'}');
            }
        }
    }
}

/// All known members and one to three unknown ones in random order, and how many they are.
fn shuffled<'a>(
    known: &'a [[Template; 2]],
    unknown: &'a [Template],
    draw: u64,
    random: &mut Random,
) -> ([&'a Template; MOST], usize) {
    let mut members = [&unknown[0]; MOST];
    for (i, (slot, spellings)) in members.iter_mut().zip(known).enumerate() {
        *slot = &spellings[(draw >> i & 1) as usize];
    }
    let extra = 1 + (draw >> 8) as usize % 3;
    let first = (draw >> 16) as usize;
    for i in 0..extra {
        members[known.len() + i] = &unknown[(first + i * 3) % unknown.len()];
    }
    let count = known.len() + extra;
    for i in (1..count).rev() {
        members.swap(i, scale(random.next() >> 32, i + 1));
    }
    (members, count)
}
