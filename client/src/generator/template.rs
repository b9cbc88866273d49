//! One spelling of a message, compiled to pieces that render without allocation.
//!
//! In: a format with placeholders (`<service>`, `<s>` and so on, see [`Slot`]) and the values. Out: bytes at the end
//! of a [`Line`]. Must hold: rendering copies fixed-size blocks, so it costs a few nanoseconds a piece.

use super::clock::Rendered;
use super::values::{UNIT, Values};

/// A literal's block: copied whole, advanced by what it holds. Longer literals are several pieces.
const BLOCK: usize = 48;
/// Room for one line: a name of 128 escaped characters, all members and all unknown keys.
const LINE: usize = 2048;

/// A line being written.
#[derive(Clone, Debug)]
pub(super) struct Line {
    bytes: [u8; LINE],
    len: usize,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; LINE], len: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Appends the first `len` bytes of `block`.
    #[inline]
    fn block<const N: usize>(&mut self, block: &[u8; N], len: usize) {
        self.bytes[self.len..self.len + N].copy_from_slice(block);
        self.len += len;
    }

    /// Appends ten-thousandths as a decimal number with four places.
    #[inline]
    fn decimal(&mut self, value: u32) {
        self.whole(value / UNIT);
        let fraction = value % UNIT;
        let high = PAIRS[(fraction / 100) as usize];
        let low = PAIRS[(fraction % 100) as usize];
        self.block(&[b'.', high[0], high[1], low[0], low[1]], 5);
    }

    /// Appends a number below 10 000 without leading zeros.
    #[inline]
    fn whole(&mut self, value: u32) {
        let high = PAIRS[(value / 100 % 100) as usize];
        let low = PAIRS[(value % 100) as usize];
        let digits = 1 + usize::from(value >= 10) + usize::from(value >= 100) + usize::from(value >= 1_000);
        let all = u32::from_be_bytes([high[0], high[1], low[0], low[1]]) << (8 * (4 - digits));
        self.block(&all.to_be_bytes(), digits);
    }
}

/// `00` to `99`.
pub(super) const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// `<s>`: the time's whole seconds, ten digits.
    Seconds,
    /// `<ms>`: the milliseconds within the second, three digits.
    Millis,
    /// `<date>`: the time's second as `2025-11-21T09:00:00`.
    Date,
    /// `<cpu>`: 0.0001 to 0.9999.
    Cpu,
    /// `<ram_free>`: GiB.
    RamFree,
    /// `<disk_free>`: GiB.
    DiskFree,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal { block: [u8; BLOCK], len: u8 },
    Slot(Slot),
}

/// What is constant for one service.
#[derive(Clone, Debug)]
pub(super) struct Constants<'a> {
    /// The name, escaped for JSON, without quotes.
    pub(super) service: &'a str,
    pub(super) ram_total: u32,
    pub(super) disk_total: u32,
}

/// A compiled format.
#[derive(Clone, Debug)]
pub(super) struct Template(Box<[Piece]>);

impl Template {
    /// Compiles `format` for one service: `<service>`, `<ram_total>` and `<disk_total>` are filled in now.
    pub(super) fn compile(format: &str, constants: &Constants<'_>) -> Self {
        let text = format
            .replace("<ram_total>", &constants.ram_total.to_string())
            .replace("<disk_total>", &constants.disk_total.to_string());
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            let (name, after) = after.split_once('>').unwrap_or((after, ""));
            literal.push_str(before);
            match slot(name) {
                Some(slot) => {
                    push_literal(&mut pieces, &std::mem::take(&mut literal));
                    pieces.push(Piece::Slot(slot));
                }
                None => literal.push_str(constants.service),
            }
            rest = after;
        }
        literal.push_str(rest);
        push_literal(&mut pieces, &literal);
        Self(pieces.into())
    }

    /// Appends this spelling of `values` at `time` to `line`.
    #[inline]
    pub(super) fn render(&self, line: &mut Line, time: &Rendered, values: &Values) {
        for piece in &self.0 {
            match piece {
                Piece::Literal { block, len } => line.block(block, usize::from(*len)),
                Piece::Slot(Slot::Seconds) => line.block(&time.seconds, 10),
                Piece::Slot(Slot::Millis) => line.block(&time.millis, 3),
                Piece::Slot(Slot::Date) => line.block(&time.date, 19),
                Piece::Slot(Slot::Cpu) => line.decimal(values.cpu),
                Piece::Slot(Slot::RamFree) => line.decimal(values.ram_free),
                Piece::Slot(Slot::DiskFree) => line.decimal(values.disk_free),
            }
        }
    }
}

/// The slot called `name`; none is the service's name, the one placeholder left.
fn slot(name: &str) -> Option<Slot> {
    Some(match name {
        "s" => Slot::Seconds,
        "ms" => Slot::Millis,
        "date" => Slot::Date,
        "cpu" => Slot::Cpu,
        "ram_free" => Slot::RamFree,
        "disk_free" => Slot::DiskFree,
        _ => return None,
    })
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    for part in text.as_bytes().chunks(BLOCK) {
        let mut block = [0; BLOCK];
        block[..part.len()].copy_from_slice(part);
        pieces.push(Piece::Literal { block, len: part.len() as u8 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_fills_every_placeholder() {
        let constants = Constants { service: "checkout", ram_total: 16, disk_total: 512 };
        let template = Template::compile(
            "<service> <s>.<ms> <date>Z <cpu> <ram_total>.0 <ram_free> <disk_total> <disk_free>!",
            &constants,
        );
        let mut line = Line::new();
        let time = Rendered { seconds: *b"1763715600", millis: *b"123", date: *b"2025-11-21T09:00:00" };
        template.render(&mut line, &time, &Values { cpu: 4_301, ram_free: 72_000, disk_free: 10_230_004 });
        let text = std::str::from_utf8(line.bytes()).unwrap();
        assert_eq!(text, "checkout 1763715600.123 2025-11-21T09:00:00Z 0.4301 16.0 7.2000 512 1023.0004!");
    }

    #[test]
    fn whole_numbers_have_no_leading_zeros() {
        for value in 0..10_000 {
            let mut line = Line::new();
            line.whole(value);
            assert_eq!(line.bytes(), value.to_string().as_bytes());
        }
    }
}
