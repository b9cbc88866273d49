//! A message, read plainly: `serde_json` splits the object, numbers are read
//! from their text digit by digit.
//!
//! Enters: one accepted line. Leaves: its service, time and values. What must
//! hold: every line that the parser accepts means the same here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decimal::Decimal;

/// One message, read plainly.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) service: String,
    /// Microseconds since 1970, UTC.
    pub(crate) time: i64,
    /// Millionths, in the order of the columns.
    pub(crate) values: Vec<i64>,
}

impl Plain {
    pub(crate) fn read(line: &[u8], columns: &[PlainColumn]) -> Result<Self, String> {
        let fields: Fields<'_> = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let service = fields.last(&["service", "servicename", "service_name"])?;
        let time = fields.last(&["timestamp", "time", "ts"])?;
        let values = columns.iter().map(|column| value(fields.last(&[&column.name])?, column));
        Ok(Plain {
            service: service_name(service)?,
            time: micros(time)?,
            values: values.collect::<Result<_, String>>()?,
        })
    }
}

/// A metric's name and whether `{Total, Free}` reads as utilisation.
#[derive(Clone, Debug)]
pub(crate) struct PlainColumn {
    pub(crate) name: String,
    pub(crate) utilisation: bool,
}

/// An object's members in order, keys folded, values as their text.
struct Fields<'a>(Vec<(String, &'a str)>);

impl Fields<'_> {
    fn last(&self, names: &[&str]) -> Result<&str, String> {
        let found = self.0.iter().rev().find(|(key, _)| names.contains(&key.as_str()));
        found.map(|(_, text)| *text).ok_or_else(|| format!("no {}", names.join(" or ")))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((key, text)) = map.next_entry::<Cow<'de, str>, &RawValue>()? {
                    fields.push((key.to_ascii_lowercase(), text.get()));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

fn service_name(text: &str) -> Result<String, String> {
    if text.starts_with('"') {
        return serde_json::from_str(text).map_err(|e| e.to_string());
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("service {text} is neither a string nor an integer"));
    }
    Ok(text.to_owned())
}

fn micros(text: &str) -> Result<i64, String> {
    if text.starts_with('"') {
        let text: String = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let time = chrono::DateTime::parse_from_rfc3339(&text).map_err(|e| e.to_string())?;
        return Ok(time.timestamp_micros());
    }
    let number = Decimal::read(text)?;
    let shift = match number.point {
        ..=11 => 6,
        12..=14 => 3,
        15..=17 => 0,
        _ => -3,
    };
    let micros = number.floor(shift).and_then(|micros| i64::try_from(micros).ok());
    micros.ok_or_else(|| format!("time {text} is out of range"))
}

fn value(text: &str, column: &PlainColumn) -> Result<i64, String> {
    if !text.starts_with('{') {
        return millionths(text);
    }
    let capacity: Fields<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let total = i128::from(millionths(capacity.last(&["total"])?)?);
    let used = total - i128::from(millionths(capacity.last(&["free"])?)?);
    if total <= 0 || used < 0 || used > total {
        return Err(format!("capacity {text} is out of range"));
    }
    let value = if column.utilisation { half_even(used * 1_000_000, total) } else { used };
    i64::try_from(value).map_err(|e| e.to_string())
}

/// `n / d` to the nearest integer, ties to even; both are not negative.
fn half_even(n: i128, d: i128) -> i128 {
    let (quotient, rest) = (n / d, n % d);
    let up = 2 * rest > d || (2 * rest == d && quotient % 2 == 1);
    quotient + i128::from(up)
}

fn millionths(text: &str) -> Result<i64, String> {
    let number = Decimal::read(text)?;
    let value = number.nearest(6).and_then(|value| i64::try_from(value).ok());
    let value = value.filter(|value| value.unsigned_abs() < 10u64.pow(18));
    value.ok_or_else(|| format!("number {text} is out of range"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::{Metrics, Next, Parser};

    use super::*;

    fn columns() -> Vec<PlainColumn> {
        let column = |name: &str| PlainColumn { name: name.to_owned(), utilisation: true };
        ["cpu", "ram", "disk"].map(column).into()
    }

    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,9})?([eE][-+]?[0-9]{1,2})?",
            "-?0\\.[0-9]{5}[0-9][05]0{0,30}1?",
            "(0|[1-9][0-9]{0,25})e-?1?[0-9]",
        ]
    }

    fn metric() -> impl Strategy<Value = String> {
        let capacity = (number(), number()).prop_map(|(total, free)| format!(r#"{{"Total":{total},"fREE":{free}}}"#));
        prop_oneof![3 => number(), 1 => capacity, 1 => Just(r#"{"free":1,"x":[],"total":3,"free":2}"#.to_owned())]
    }

    fn time() -> impl Strategy<Value = String> {
        prop_oneof![
            number(),
            "1[0-9]{9}(\\.[0-9]{1,9})?",
            "1[0-9]{12}",
            "1[0-9]{15,18}",
            "\"20[0-9]{2}-0[1-9]-[12][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:30)\"",
        ]
    }

    /// A line that is often acceptable, in any order of keys, with duplicates.
    fn line() -> impl Strategy<Value = String> {
        let key = |name: &'static [&'static str]| prop::sample::select(name);
        let service = (key(&["service", "serviceName", "SERVICE_name"]), "(\"[a-zé\\\\u00e9]{1,5}\"|[0-9]{1,4}|-7)");
        let stamp = (key(&["ts", "Time", "t\\u0069mestamp"]), time());
        let metric = |name: &'static [&'static str]| (key(name), metric());
        let members = (
            service.prop_map(|(key, text)| format!("\"{key}\":{text}")),
            stamp.prop_map(|(key, text)| format!("\"{key}\" : {text}")),
            metric(&["cpu", "CPU", "c\\u0070u"]).prop_map(|(key, text)| format!("\"{key}\":{text}")),
            metric(&["ram", "Ram"]).prop_map(|(key, text)| format!("\"{key}\": {text}")),
            metric(&["disk", "DISK"]).prop_map(|(key, text)| format!("\"{key}\":{text}")),
            metric(&["cpu", "other"]).prop_map(|(key, text)| format!("\"{key}\":{text}")),
        );
        let members = members.prop_map(|(a, b, c, d, e, f)| vec![a, b, c, d, e, f]).prop_shuffle();
        members.prop_map(|members| format!("{{{}}}\n", members.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn every_message_that_the_parser_accepts_reads_the_same_here(line in line()) {
            let mut parser = Parser::new(&Metrics::default());
            if let Next::Message { message, start, end } = parser.next(line.as_bytes()) {
                let plain = Plain::read(&line.as_bytes()[start..end], &columns());
                let values = message.values.iter().map(|value| value.get()).collect();
                let service = message.service.to_owned();
                prop_assert_eq!(plain, Ok(Plain { service, time: message.time.get(), values }));
            }
        }
    }

    #[test]
    fn numbers_round_half_to_even_from_their_text() {
        for (text, expected) in [
            ("0.0000005", 0),
            ("0.0000015", 2),
            ("-0.0000015", -2),
            ("0.00000050000000000000000000000000000000001", 1),
            ("1e-7", 0),
            ("5e-7", 0),
            ("6e-7", 1),
            ("12.5e3", 12_500_000_000),
            ("0e999999999999999999999", 0),
            ("1e-999999999999999999999", 0),
            ("999999999999.999999", 999_999_999_999_999_999),
        ] {
            assert_eq!(millionths(text), Ok(expected), "{text}");
        }
        assert!(millionths("1e12").is_err());
        assert!(millionths("1e999999999999999999999").is_err());
    }
}
