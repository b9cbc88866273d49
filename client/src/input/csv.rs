//! CSV with a header (RFC 4180): each row becomes an object.
//!
//! In: blocks cut anywhere. Out: whole lines. The header, in any case, names a service (`service`, `serviceName`,
//! `service_name`), a time (`timestamp`, `time`, `ts`), and metrics: `cpu`, or `total_ram` with `free_ram`, and so
//! on for any metric. Every other column is carried over under its own name.
//! Must hold: a number stays a number with the very same digits, NaN and the infinities of a metric too, anything else becomes a string, an empty field is
//! left out; a row with the wrong number of fields is passed on as it is, so that the receiver rejects it; memory is
//! bounded, also by a quote that never closes.

use csv_core::{ReadRecordResult, Reader};
use schema::Metrics;

use super::item::LIMIT;

/// A row of more fields is too long.
const FIELDS: usize = 1024;

/// What one column becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    /// A string, also if it looks like a number.
    Service,
    /// A number or a string, under this key (escaped, with its quotes).
    Value(String),
    /// The same, where `NaN` and the infinities are numbers too, which the receiver rejects as out of range. Of a
    /// column that is none of a new store's metrics nobody here knows that it holds no text.
    Metric(String),
    /// `{"Total":…,"Free":…}` under this key, with the other half in that column.
    Total { key: String, free: usize },
    /// Written where its total is.
    Free,
}

/// A header that was understood.
#[derive(Clone, Debug)]
pub(super) struct Header(Vec<Column>);

impl Header {
    /// Reads a header line, with or without its line end; none if it names no service or no time.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut rows = Rows::default();
        let mut header = None;
        let mut read = |row: Row<'_>| {
            if header.is_none() {
                let name = |i| String::from_utf8_lossy(row.field(i)).into_owned();
                header = Some((0..row.ends.len()).map(name).collect());
            }
        };
        rows.push(line, &mut read);
        rows.finish(&mut read);
        let names: Vec<String> = header?;
        let names: Vec<&str> = names.iter().map(|name| name.trim_ascii()).collect();
        let columns: Vec<Column> = names.iter().map(|name| column(name, &names)).collect();
        let time = |column: &Column| matches!(column, Column::Value(key) if key == r#""timestamp""#);
        (columns.contains(&Column::Service) && columns.iter().any(time)).then_some(Self(columns))
    }
}

fn column(name: &str, names: &[&str]) -> Column {
    let find = |wanted: &str| names.iter().rposition(|name| name.eq_ignore_ascii_case(wanted));
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "service" | "servicename" | "service_name" => return Column::Service,
        "timestamp" | "time" | "ts" => return Column::Value(r#""timestamp""#.to_owned()),
        _ => {}
    }
    if let Some(metric) = lower.strip_prefix("total_")
        && let Some(free) = find(&format!("free_{metric}"))
    {
        return Column::Total { key: quoted(metric), free };
    }
    match lower.strip_prefix("free_") {
        Some(metric) if find(&format!("total_{metric}")).is_some() => Column::Free,
        _ if Metrics::default().iter().any(|metric| metric.name.as_str() == lower) => Column::Metric(quoted(name)),
        _ => Column::Value(quoted(name)),
    }
}

/// Turns rows into lines.
pub(super) struct Csv {
    header: Header,
    rows: Rows,
    header_seen: bool,
}

impl Csv {
    /// The stream still starts with the header line.
    pub(super) fn new(header: Header) -> Self {
        Self { header, rows: Rows::default(), header_seen: false }
    }

    /// Takes the next block; appends the rows that it completes to `out`.
    pub(super) fn push(&mut self, block: &[u8], out: &mut Vec<u8>) {
        self.rows.push(block, &mut |row| {
            if std::mem::replace(&mut self.header_seen, true) {
                push_row(&self.header.0, &row, out);
            }
        });
    }

    /// Takes the end: an unterminated last row is a row.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.rows.finish(&mut |row| {
            if std::mem::replace(&mut self.header_seen, true) {
                push_row(&self.header.0, &row, out);
            }
        });
    }
}

fn push_row(columns: &[Column], row: &Row<'_>, out: &mut Vec<u8>) {
    if row.too_long || row.ends.len() != columns.len() {
        push_raw(row, out);
        return;
    }
    out.push(b'{');
    let open = out.len();
    for (i, column) in columns.iter().enumerate() {
        let field = row.field(i);
        match column {
            Column::Service if !field.is_empty() => {
                push_key(r#""service""#, open, out);
                push_string(field, out);
            }
            Column::Value(key) if !field.is_empty() => {
                push_key(key, open, out);
                push_value(field, out);
            }
            Column::Metric(key) if !field.is_empty() => {
                push_key(key, open, out);
                push_metric(field, out);
            }
            Column::Total { key, free } => push_capacity(key, [field, row.field(*free)], open, out),
            Column::Service | Column::Value(_) | Column::Metric(_) | Column::Free => {}
        }
    }
    out.extend_from_slice(b"}\n");
}

fn push_capacity(key: &str, halves: [&[u8]; 2], open: usize, out: &mut Vec<u8>) {
    if halves.iter().all(|half| half.is_empty()) {
        return;
    }
    push_key(key, open, out);
    out.push(b'{');
    let open = out.len();
    for (name, half) in [r#""Total""#, r#""Free""#].into_iter().zip(halves) {
        if !half.is_empty() {
            push_key(name, open, out);
            push_metric(half, out);
        }
    }
    out.push(b'}');
}

/// A row that fits no header: an array of its fields, which is JSON but no message.
fn push_raw(row: &Row<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    if row.too_long {
        out.extend(row.bytes.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
    }
    for i in 0..row.ends.len() {
        if i > 0 {
            out.push(b',');
        }
        push_string(row.field(i), out);
    }
    out.extend_from_slice(b"]\n");
}

fn push_key(key: &str, open: usize, out: &mut Vec<u8>) {
    if out.len() > open {
        out.push(b',');
    }
    out.extend_from_slice(key.as_bytes());
    out.push(b':');
}

fn push_value(field: &[u8], out: &mut Vec<u8>) {
    let trimmed = field.trim_ascii();
    if is_number(trimmed) {
        out.extend_from_slice(trimmed);
    } else {
        push_string(field, out);
    }
}

/// A number of a metric: what is none, or has no end, is written as clients write it who mean it.
fn push_metric(field: &[u8], out: &mut Vec<u8>) {
    let trimmed = field.trim_ascii();
    let (sign, size) = match trimmed.split_first() {
        Some((b'-', size)) => ("-", size),
        Some((b'+', size)) => ("", size),
        _ => ("", trimmed),
    };
    if size.eq_ignore_ascii_case(b"nan") {
        out.extend_from_slice(b"NaN");
    } else if size.eq_ignore_ascii_case(b"inf") || size.eq_ignore_ascii_case(b"infinity") {
        out.extend_from_slice(sign.as_bytes());
        out.extend_from_slice(b"Infinity");
    } else {
        push_value(field, out);
    }
}

/// A JSON string of bytes that need not be UTF-8: those pass through, for the receiver to reject.
fn push_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Whether `text` is a number in JSON's grammar (RFC 8259).
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let places = digits(fraction);
        if places == 0 {
            return false;
        }
        rest = &fraction[places..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let places = digits(exponent);
        return places > 0 && places == exponent.len();
    }
    rest.is_empty()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// One row, its fields unquoted.
struct Row<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
    /// Only the head is here, and no field ends.
    too_long: bool,
}

impl Row<'_> {
    fn field(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }
}

/// Splits a stream into rows, in bounded memory.
struct Rows {
    reader: Reader,
    bytes: Box<[u8]>,
    filled: usize,
    ends: Box<[usize]>,
    fields: usize,
    too_long: bool,
}

impl Default for Rows {
    fn default() -> Self {
        let (bytes, ends) = (vec![0; LIMIT].into(), vec![0; FIELDS].into());
        Self { reader: Reader::new(), bytes, filled: 0, ends, fields: 0, too_long: false }
    }
}

impl Rows {
    fn push(&mut self, block: &[u8], each: &mut dyn FnMut(Row<'_>)) {
        let mut rest = block;
        while !rest.is_empty() {
            let (read, _) = self.step(rest, each);
            rest = &rest[read..];
        }
    }

    /// An empty input is the end to the reader: it gives the row that is still open, if there is one.
    fn finish(&mut self, each: &mut dyn FnMut(Row<'_>)) {
        while !self.step(&[], each).1 {}
    }

    /// Reads on; returns how many bytes it took, and whether that ended a row or the input.
    fn step(&mut self, input: &[u8], each: &mut dyn FnMut(Row<'_>)) -> (usize, bool) {
        // Of a row that is too long the head is kept, and the rest goes where it is written over again and again.
        let (from, field) = if self.too_long { (LIMIT / 2, 0) } else { (self.filled, self.fields) };
        let (result, read, wrote, ended) =
            self.reader.read_record(input, &mut self.bytes[from..], &mut self.ends[field..]);
        if !self.too_long {
            self.filled += wrote;
            self.fields += ended;
        }
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                self.too_long = true;
                (self.filled, self.fields) = (LIMIT, 0);
            }
            ReadRecordResult::Record => {
                let (bytes, ends) = (&self.bytes[..self.filled], &self.ends[..self.fields]);
                each(Row { bytes, ends, too_long: self.too_long });
                (self.filled, self.fields, self.too_long) = (0, 0, false);
            }
            ReadRecordResult::End => {}
        }
        (read, matches!(result, ReadRecordResult::Record | ReadRecordResult::End))
    }
}
