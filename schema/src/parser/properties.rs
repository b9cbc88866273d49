//! What must hold on any bytes: the predictive and the full parser agree, a cut changes nothing, and both agree with
//! a plain reading of the same JSON by `serde_json`.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::value::RawValue;

use super::lines::{Client, client, damage, damaged};
use super::*;

type Stream = Vec<(Index, Vec<u32>, Vec<(Index, u8, u8)>)>;

/// A few clients, and which of them says what, and what happens to it on the way.
fn stream() -> impl Strategy<Value = (Vec<Client>, Stream)> {
    let picks = prop::collection::vec(any::<u32>(), 12);
    let lines = prop::collection::vec((any::<Index>(), picks, prop_oneof![3 => Just(vec![]), 1 => damage()]), 1..40);
    (prop::collection::vec(client(), 1..5), lines)
}

fn bytes_of((clients, lines): &(Vec<Client>, Stream)) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (client, picks, damage) in lines {
        bytes.extend(damaged(&client.get(clients).message(picks), damage));
        // Mostly one object a line; sometimes glued, sometimes with a comma.
        bytes.extend_from_slice([&b"\n"[..], b"\n", b",\r\n", b""][picks[0] as usize % 4]);
    }
    bytes
}

/// One answer, owned.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Message { service: String, time: Micros, values: Vec<Millionths>, start: usize, end: usize },
    Reject { reason: Reject, end: usize },
    EndOfLine { end: usize },
    Incomplete,
}

impl Answer {
    fn of(parser: &mut Parser, bytes: &[u8]) -> Answer {
        match parser.next(bytes) {
            Next::Message { message: Message { service, time, values }, start, end } => {
                Answer::Message { service: service.to_owned(), time, values: values.to_vec(), start, end }
            }
            Next::Reject { reason, end } => Answer::Reject { reason, end },
            Next::EndOfLine { end } => Answer::EndOfLine { end },
            Next::Incomplete => Answer::Incomplete,
        }
    }

    fn end(&self) -> Option<usize> {
        match self {
            Answer::Message { end, .. } | Answer::Reject { end, .. } | Answer::EndOfLine { end } => Some(*end),
            Answer::Incomplete => None,
        }
    }
}

/// All answers about some bytes, each with where it was asked.
fn answers(parser: &mut Parser, bytes: &[u8]) -> Vec<(usize, Answer)> {
    let (mut at, mut answers) = (0, Vec::new());
    loop {
        let answer = Answer::of(parser, &bytes[at..]);
        let Some(end) = answer.end() else { return answers };
        answers.push((at, answer));
        at += end;
    }
}

/// The same, of bytes that arrive in chunks.
fn answers_in_chunks(bytes: &[u8], cuts: &[Index]) -> Vec<(usize, Answer)> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([bytes.len()]).collect();
    cuts.sort_unstable();
    let (mut parser, mut at, mut pieces) = (parser(), 0, Vec::new());
    for cut in cuts {
        for (offset, answer) in answers(&mut parser, &bytes[at..cut]) {
            pieces.push((at + offset, answer));
        }
        at = pieces.last().map_or(0, |(start, answer)| start + answer.end().unwrap());
    }
    pieces
}

fn parser() -> Parser {
    Parser::new(&Metrics::default())
}

/// What a parser says that has learned nothing, which makes it the full one.
fn full(bytes: &[u8]) -> Answer {
    Answer::of(&mut parser(), bytes)
}

proptest! {
    #[test]
    fn a_parser_that_predicts_says_what_the_full_one_says(stream in stream()) {
        let bytes = bytes_of(&stream);
        for (at, answer) in answers(&mut parser(), &bytes) {
            prop_assert_eq!(answer, full(&bytes[at..]), "at {}: {:?}", at, String::from_utf8_lossy(&bytes[at..]));
        }
    }

    #[test]
    fn a_damaged_line_after_a_good_one_is_what_the_full_parser_says(
        client in client(), good in prop::collection::vec(any::<u32>(), 12),
        next in prop::collection::vec(any::<u32>(), 12), damage in damage(),
    ) {
        let mut parser = parser();
        Answer::of(&mut parser, client.message(&good).as_bytes());
        for picks in [good, next] {
            let line = damaged(&client.message(&picks), &damage);
            prop_assert_eq!(Answer::of(&mut parser, &line), full(&line), "{:?}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn any_bytes_are_what_the_full_parser_says(
        client in client(), picks in prop::collection::vec(any::<u32>(), 12),
        bytes in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(b"\"\\{}[],:.-+0159eEunaA \t\r\n".to_vec()), 1 => any::<u8>(),
        ], 0..60),
    ) {
        let mut parser = parser();
        let mut line = client.message(&picks).into_bytes();
        Answer::of(&mut parser, &line);
        for (at, answer) in answers(&mut parser, &bytes) {
            prop_assert_eq!(answer, full(&bytes[at..]));
        }
        line.truncate(picks[0] as usize % line.len());
        line.extend_from_slice(&bytes);
        prop_assert_eq!(Answer::of(&mut parser, &line), full(&line));
    }

    #[test]
    fn where_a_chunk_is_cut_changes_nothing(stream in stream(), cuts in prop::collection::vec(any::<Index>(), 0..12)) {
        let bytes = bytes_of(&stream);
        prop_assert_eq!(answers_in_chunks(&bytes, &cuts), answers(&mut parser(), &bytes));
    }

    #[test]
    fn damaged_bytes_in_any_chunks_are_what_the_full_parser_says(
        stream in stream(), damage in damage::damage(), any in damage::bytes(),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        for bytes in [damage.to(&bytes_of(&stream)), any] {
            let whole = answers(&mut parser(), &bytes);
            prop_assert_eq!(answers_in_chunks(&bytes, &cuts), whole.clone());
            for (at, answer) in whole {
                prop_assert!(answer.end() > Some(0), "it goes on");
                prop_assert_eq!(answer, full(&bytes[at..]), "at {}: {:?}", at, String::from_utf8_lossy(&bytes[at..]));
            }
        }
    }

    #[test]
    fn messages_are_what_a_plain_reading_of_their_json_finds(stream in stream()) {
        let bytes = bytes_of(&stream);
        for (at, answer) in answers(&mut parser(), &bytes) {
            match answer {
                Answer::Message { service, time, values, start, end } => {
                    let json = &bytes[at + start..at + end];
                    let values = values.iter().map(|value| i128::from(value.get())).collect();
                    prop_assert_eq!(plain_reading(json), Some((service, i128::from(time.get()), values)));
                }
                Answer::Reject { end, reason } => {
                    let json = bytes[at..at + end].trim_ascii_start();
                    let json = json.strip_prefix(b",").unwrap_or(json).trim_ascii_start();
                    prop_assert_eq!(plain_reading(json), None, "{}: {:?}", reason, String::from_utf8_lossy(json));
                }
                Answer::EndOfLine { .. } | Answer::Incomplete => {}
            }
        }
    }
}

#[test]
fn layouts_are_predicted_and_not_only_read_again() {
    let line = br#"{"serviceName":"checkout","Timestamp":1763715600123,"CPU":0.43,"RAM":{"Total":16.0,"Free":7.2},"Disk":{"Total":512.0,"Free":100.1}}"#;
    let other = br#"{"ts":"2025-11-21T09:00:00Z","x":[1,"y"],"cpu":0.5,"ram":0.00000012,"disk":-7.25,"service":12}"#;
    let Parser { mut layouts, metrics, mut scratch, .. } = {
        let mut parser = parser();
        for line in [&line[..], other] {
            assert!(matches!(parser.next(line), Next::Message { .. }));
        }
        parser
    };
    for line in [&line[..], other, line, line, other, other] {
        assert_eq!(layouts.read(line, &metrics, &mut scratch).map(|fit| fit.end), Some(line.len()));
    }
}

/// The rules again, without regard to speed: members in order with their raw JSON, the last one wins.
fn plain_reading(json: &[u8]) -> Option<(String, i128, Vec<i128>)> {
    let members = members(json)?;
    let last = |names: &[&str]| {
        let known = |name: &String| names.contains(&name.to_ascii_lowercase().as_str());
        members.iter().rev().find(|(name, _)| known(name)).map(|(_, value)| value.get())
    };
    let service = plain_service(last(&["service", "servicename", "service_name"])?)?;
    let time = plain_time(last(&["timestamp", "time", "ts"])?)?;
    let values = ["cpu", "ram", "disk"].map(|name| last(&[name]).and_then(plain_value));
    Some((service, time, values.into_iter().collect::<Option<_>>()?))
}

fn members(json: &[u8]) -> Option<Vec<(String, Box<RawValue>)>> {
    struct Members(Vec<(String, Box<RawValue>)>);
    impl<'de> serde::Deserialize<'de> for Members {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Members;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    // A raw newline is white space to JSON, but the end of a line to us.
    let json = std::str::from_utf8(json).ok().filter(|json| !json.contains('\n'))?;
    let members = serde_json::from_str::<Members>(json).ok()?.0;
    (!has_half_surrogate_pair(json)).then_some(members)
}

/// Whether an escape stands for half a pair, which `serde_json` overlooks in values that nobody reads.
fn has_half_surrogate_pair(json: &str) -> bool {
    let (mut units, mut rest) = (Vec::new(), json);
    while let Some((_, escape)) = rest.split_once('\\') {
        let length = escape.chars().next().map_or(0, char::len_utf8);
        let unit = escape.strip_prefix('u').and_then(|code| u16::from_str_radix(code.get(..4)?, 16).ok());
        units.extend(unit);
        rest = &escape[length..];
        // A unit that is not followed at once by another escape stands alone.
        if unit.is_some() && !rest[4..].starts_with("\\u") {
            units.push(u16::from(b' '));
        }
    }
    char::decode_utf16(units).any(|unit| unit.is_err())
}

fn plain_service(json: &str) -> Option<String> {
    let integer = !json.is_empty() && json.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    let name = if integer { json.to_owned() } else { serde_json::from_str::<String>(json).ok()? };
    ((1..=128).contains(&name.len()) && !name.chars().any(char::is_control)).then_some(name)
}

fn plain_time(json: &str) -> Option<i128> {
    let time = if let Ok(text) = serde_json::from_str::<String>(json) {
        i128::from(text.parse::<Micros>().ok()?.get())
    } else {
        let (digits, exponent) = decimal(json)?;
        let at = |power: i32| shifted(digits, exponent + power).map(|(floor, ..)| floor);
        match at(0)? {
            whole if whole < 10_i128.pow(11) => at(6)?,
            whole if whole < 10_i128.pow(14) => at(3)?,
            whole if whole < 10_i128.pow(17) => at(0)?,
            _ => at(-3)?,
        }
    };
    (0..=i128::from(Micros::MAX.get())).contains(&time).then_some(time)
}

fn plain_value(json: &str) -> Option<i128> {
    if !json.starts_with('{') {
        return plain_millionths(json);
    }
    let members = members(json.as_bytes())?;
    let last = |name: &str| members.iter().rev().find(|member| member.0.eq_ignore_ascii_case(name)).map(|m| m.1.get());
    let (total, free) = (plain_millionths(last("total")?)?, plain_millionths(last("free")?)?);
    (total > 0 && (0..=total).contains(&free)).then(|| crate::mean((total - free) * 1_000_000, total as u64))
}

fn plain_millionths(json: &str) -> Option<i128> {
    let (digits, exponent) = decimal(json)?;
    let (floor, remainder, divisor) = shifted(digits, exponent + 6)?;
    let up = 2 * remainder > divisor || (2 * remainder == divisor && floor % 2 != 0);
    let millionths = floor + i128::from(up);
    (millionths.abs() < 1_000_000_000_000_000_000).then_some(millionths)
}

/// A JSON number as an integer and a power of ten; lines hold no number with more digits than fit.
fn decimal(json: &str) -> Option<(i128, i32)> {
    if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    let (significand, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
    let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, exponent.parse::<i32>().unwrap_or(1_000_000) - fraction.len() as i32))
}

/// digits * 10^power as its floor and the rest, a fraction; `None` if it is out of every range.
fn shifted(digits: i128, power: i32) -> Option<(i128, i128, i128)> {
    match power {
        _ if digits == 0 => Some((0, 0, 1)),
        0.. => Some((digits.checked_mul(10_i128.checked_pow(power as u32)?)?, 0, 1)),
        _ => match 10_i128.checked_pow(power.unsigned_abs()) {
            Some(divisor) => Some((digits.div_euclid(divisor), digits.rem_euclid(divisor), divisor)),
            None => Some(if digits < 0 { (-1, 2, 3) } else { (0, 1, 3) }),
        },
    }
}

/// A layout is looked for in a window; what crosses its end is for the full parser, which must be asked.
#[test]
fn a_line_that_crosses_the_end_of_the_window_is_what_the_full_parser_says() {
    let line = |text: usize| {
        let text = "x".repeat(text);
        format!(r#"{{"service":"a","note":"{text}","ts":1763715600123,"cpu":0.43,"ram":194.0266,"disk":12345678.25}}"#)
    };
    for text in layout::WINDOW - 120..layout::WINDOW + 20 {
        let mut parser = parser();
        assert!(matches!(Answer::of(&mut parser, line(0).as_bytes()), Answer::Message { .. }));
        let line = line(text);
        for behind in ["", "\n", "9", &"9".repeat(layout::WINDOW)] {
            let bytes = format!("{line}{behind}");
            assert_eq!(Answer::of(&mut parser, bytes.as_bytes()), full(bytes.as_bytes()), "{text}, {behind:.1}");
        }
    }
}
