//! The realtime queue's CSV: one row a message.
//!
//! A header line `service,time_stamp,<metric>,…\n`, then rows of as many fields: the service, quoted as RFC 4180 does
//! (and only then) if it has a comma or a quote; the time in whole microseconds since 1970; each value as a decimal
//! with exactly six places. `\n` ends a row; no field can hold one.
//!
//! Writing and reading are inverse, so a queue is a pure function of the log and a row loses nothing.

use memchr::{memchr, memchr2};

use crate::{Error, MAX_METRICS, Message, Metrics, Micros, Millionths, ServiceName, swar};

/// Appends the header line.
pub fn header(out: &mut Vec<u8>, metrics: &Metrics) {
    out.extend_from_slice(b"service,time_stamp");
    for metric in metrics.iter() {
        out.push(b',');
        out.extend_from_slice(metric.name.as_str().as_bytes());
    }
    out.push(b'\n');
}

/// Appends one message's row.
#[inline]
pub fn encode(out: &mut Vec<u8>, message: &Message<'_>) {
    let mut row = Backward::new();
    row.byte(b'\n');
    for value in message.values.iter().rev() {
        row.value(*value);
        row.byte(b',');
    }
    row.digits(message.time.get().unsigned_abs());
    row.byte(b',');

    let service = message.service.as_bytes();
    if memchr2(b',', b'"', service).is_none() {
        out.extend_from_slice(service);
    } else {
        quote(out, service);
    }
    out.extend_from_slice(row.written());
}

fn quote(out: &mut Vec<u8>, service: &[u8]) {
    out.push(b'"');
    for byte in service {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Bytes of all fields but the service: a newline, a time of at most 18 digits, and values of at most 20 bytes, each
/// with its comma.
const MAX_TAIL: usize = 1 + (1 + 18) + MAX_METRICS * (1 + 20);

/// Text written from its end: a number's digits come out last first.
struct Backward {
    bytes: [u8; MAX_TAIL],
    start: usize,
}

impl Backward {
    fn new() -> Self {
        Backward { bytes: [0; MAX_TAIL], start: MAX_TAIL }
    }

    fn written(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    #[inline]
    fn pair(&mut self, below_hundred: u64) {
        const PAIRS: [[u8; 2]; 100] = {
            let mut pairs = [[0; 2]; 100];
            let mut i = 0;
            while i < 100 {
                pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
                i += 1;
            }
            pairs
        };
        self.start -= 2;
        self.bytes[self.start..self.start + 2].copy_from_slice(&PAIRS[below_hundred as usize]);
    }

    #[inline]
    fn digits(&mut self, mut number: u64) {
        while number >= 100 {
            self.pair(number % 100);
            number /= 100;
        }
        if number >= 10 {
            self.pair(number);
        } else {
            self.byte(b'0' + number as u8);
        }
    }

    #[inline]
    fn value(&mut self, value: Millionths) {
        let magnitude = value.get().unsigned_abs();
        let (units, millionths) = (magnitude / 1_000_000, magnitude % 1_000_000);
        self.pair(millionths % 100);
        self.pair(millionths / 100 % 100);
        self.pair(millionths / 10_000);
        self.byte(b'.');
        self.digits(units);
        if value.get() < 0 {
            self.byte(b'-');
        }
    }
}

/// The rows of a chunk that starts at a row (not at the header) and ends after one.
#[derive(Debug)]
pub struct Rows<'b> {
    bytes: &'b [u8],
    at: usize,
    metrics: usize,
    /// Holds a service's name that was quoted.
    unquoted: String,
    values: [Millionths; MAX_METRICS],
}

impl<'b> Rows<'b> {
    /// Rows of the messages of a store with these metrics.
    pub fn new(bytes: &'b [u8], metrics: &Metrics) -> Self {
        let values = [Millionths::default(); MAX_METRICS];
        Rows { bytes, at: 0, metrics: metrics.len(), unquoted: String::new(), values }
    }

    /// The next row, as the message it was written from; `None` at the end. After an error there is no next.
    ///
    /// # Errors
    /// `QueueRow` if the bytes are no row that [`encode`] writes.
    #[expect(clippy::should_implement_trait, reason = "what it yields borrows from the reader")]
    #[inline]
    pub fn next(&mut self) -> Option<Result<Message<'_>, Error>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let at = self.at;
        self.at = self.bytes.len();
        Some(self.row(at).map_err(|problem| Error::QueueRow { at, problem }))
    }

    #[inline]
    fn row(&mut self, at: usize) -> Result<Message<'_>, &'static str> {
        let bytes = self.bytes;
        let (service, at) = match bytes.get(at) {
            Some(b'"') => unquote(bytes, at + 1, &mut self.unquoted)?,
            _ => plain(bytes, at)?,
        };
        if !ServiceName::allows(service) {
            return Err("its service is no service name");
        }
        let (time, length) = swar::integer(bytes, after(bytes, at, b',')?).ok_or("its time is no number")?;
        let time = i64::try_from(time).ok().and_then(Micros::new).ok_or("its time is past 9999")?;
        let mut at = at + 1 + length;
        for value in &mut self.values[..self.metrics] {
            (*value, at) = read_value(bytes, after(bytes, at, b',')?).ok_or("one of its values is none")?;
        }
        self.at = after(bytes, at, b'\n')?;
        Ok(Message { service, time, values: &self.values[..self.metrics] })
    }
}

fn plain(bytes: &[u8], at: usize) -> Result<(&str, usize), &'static str> {
    let end = memchr(b',', &bytes[at..]).ok_or("it has no comma")? + at;
    let service = std::str::from_utf8(&bytes[at..end]).map_err(|_| "its service is not UTF-8")?;
    Ok((service, end))
}

fn unquote<'a>(bytes: &[u8], at: usize, unquoted: &'a mut String) -> Result<(&'a str, usize), &'static str> {
    unquoted.clear();
    let mut at = at;
    loop {
        let end = memchr(b'"', &bytes[at..]).ok_or("a quote is not closed")? + at;
        unquoted.push_str(std::str::from_utf8(&bytes[at..end]).map_err(|_| "its service is not UTF-8")?);
        if bytes.get(end + 1) != Some(&b'"') {
            return Ok((unquoted, end + 1));
        }
        unquoted.push('"');
        at = end + 2;
    }
}

#[inline]
fn after(bytes: &[u8], at: usize, expected: u8) -> Result<usize, &'static str> {
    (bytes.get(at) == Some(&expected)).then_some(at + 1).ok_or("its fields are not as many as they should be")
}

#[inline]
fn read_value(bytes: &[u8], at: usize) -> Option<(Millionths, usize)> {
    let negative = bytes.get(at) == Some(&b'-');
    let at = at + usize::from(negative);
    let (units, length) = swar::integer(bytes, at)?;
    let at = after(bytes, at + length, b'.').ok()?;
    let magnitude = units.checked_mul(1_000_000)?.checked_add(swar::six_digits(bytes, at)?)?;
    let magnitude = i64::try_from(magnitude).ok()?;
    Some((Millionths::new(if negative { -magnitude } else { magnitude })?, at + 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message<'a>(service: &'a str, time: i64, values: &'a [Millionths]) -> Message<'a> {
        Message { service, time: Micros::new(time).unwrap(), values }
    }

    #[test]
    fn rows_are_the_bytes_of_the_specification() {
        let mut out = Vec::new();
        header(&mut out, &Metrics::default());
        let values = [430_000, -1, i64::from(i32::MAX) * 1_000_000].map(|value| Millionths::new(value).unwrap());
        encode(&mut out, &message("checkout", 1_763_715_600_123_456, &values));
        encode(&mut out, &message("a,\"b\"", 0, &values));
        let expected = "service,time_stamp,cpu,ram,disk\n\
                        checkout,1763715600123456,0.430000,-0.000001,2147483647.000000\n\
                        \"a,\"\"b\"\"\",0,0.430000,-0.000001,2147483647.000000\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_longest_row_fits() {
        let metrics: Metrics = "a,b,c,d,e,f,g,h".parse().unwrap();
        let (service, values) = ("\"".repeat(128), [Millionths::MIN; MAX_METRICS]);
        let mut out = Vec::new();
        encode(&mut out, &message(&service, Micros::MAX.get(), &values));
        let mut rows = Rows::new(&out, &metrics);
        assert_eq!(rows.next().unwrap().unwrap(), message(&service, Micros::MAX.get(), &values));
        assert!(rows.next().is_none());
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for text in [
            "a",
            "a,",
            "a,1",
            "a,1,0.000000",
            "a,1,0.0,0.0,0.0\n",
            "a,1,0.000000,0.000000,0.000000",
            "a,1,0.000000,0.000000,0.000000,0.000000\n",
            ",1,0.000000,0.000000,0.000000\n",
            "a,-1,0.000000,0.000000,0.000000\n",
            "a,1,0.0000000,0.000000,0.000000\n",
            "\"a,1,0.000000,0.000000,0.000000\n",
            "\"a\"b,1,0.000000,0.000000,0.000000\n",
            "a,1,1000000000000.000000,0.000000,0.000000\n",
            "\n",
        ] {
            let metrics = Metrics::default();
            let mut rows = Rows::new(text.as_bytes(), &metrics);
            assert!(matches!(rows.next(), Some(Err(Error::QueueRow { at: 0, .. }))), "{text}");
            assert!(rows.next().is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn rows_survive_writing_and_reading(
            written in prop::collection::vec(
                ("\\PC{1,20}|[a\",]{1,9}", 0..=Micros::MAX.get(), prop::array::uniform3(
                    prop_oneof![Millionths::MIN.get()..=Millionths::MAX.get(), -2_000_000i64..2_000_000],
                )),
                0..8,
            ),
        ) {
            let mut out = Vec::new();
            for (service, time, values) in &written {
                encode(&mut out, &message(service, *time, &values.map(|value| Millionths::new(value).unwrap())));
            }
            let metrics = Metrics::default();
            let mut rows = Rows::new(&out, &metrics);
            for (service, time, values) in &written {
                let values = values.map(|value| Millionths::new(value).unwrap());
                prop_assert_eq!(rows.next().unwrap().unwrap(), message(service, *time, &values));
            }
            prop_assert!(rows.next().is_none());
        }

        #[test]
        fn any_bytes_and_damaged_rows_are_rows_that_survive_or_an_error(
            text in "[a\",0-9.\n-]{0,60}", any in damage::bytes(), damage in damage::damage(),
        ) {
            let written = b"checkout,1763715600123456,0.430000,-0.000001,2147483647.000000\n\"a,\"\"b\",0,7.250000,0.000000,\
                            -999999999999.999999\n";
            let metrics = Metrics::default();
            for bytes in [text.into_bytes(), any, damage.to(written)] {
                let mut rows = Rows::new(&bytes, &metrics);
                let mut read = 0;
                while let Some(row) = rows.next() {
                    read += 1;
                    let Ok(message) = row else { continue };
                    let mut again = Vec::new();
                    encode(&mut again, &message);
                    let mut again = Rows::new(&again, &metrics);
                    prop_assert_eq!(again.next().unwrap().unwrap(), message);
                }
                prop_assert!(read <= bytes.len());
            }
        }
    }
}
