//! JSON arrays: each element becomes a line.
//!
//! In: blocks cut anywhere of one array, or several in a row. Out: whole lines. Must hold: memory is bounded by one
//! element's limit, whatever the array's size; an element that never ends is one item, rejected by the receiver.

use super::item::{LIMIT, Scan, push_item};

/// Takes arrays apart.
#[derive(Debug, Default)]
pub(super) struct Arrays {
    place: Place,
    /// The element, or the line outside of any array, read so far: at most `LIMIT` bytes.
    item: Vec<u8>,
    scan: Scan,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before, between and after arrays.
    #[default]
    Outside,
    /// In an array, between elements.
    Between,
    /// In an element.
    Element,
    /// In a line that is no array.
    Stray,
}

impl Arrays {
    /// Takes the next block; appends the elements that it completes to `out`.
    pub(super) fn push(&mut self, block: &[u8], out: &mut Vec<u8>) {
        for &byte in block {
            self.step(byte, out);
        }
    }

    /// Takes the end: what is still open is passed on as it is.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if matches!(self.place, Place::Element | Place::Stray) {
            self.close(Place::Outside, out);
        }
    }

    #[inline]
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.place, byte) {
            (Place::Element, b',') if self.scan.at_top() => self.close(Place::Between, out),
            (Place::Element, b']') if self.scan.at_top() => self.close(Place::Outside, out),
            (Place::Element, _) => {
                self.scan.step(byte);
                self.keep(byte);
            }
            (Place::Stray, b'\n') => self.close(Place::Outside, out),
            (Place::Stray, _) => self.keep(byte),
            (Place::Outside | Place::Between, b' ' | b'\t' | b'\r' | b'\n' | b',') => {}
            (Place::Outside, b'[') => self.place = Place::Between,
            (Place::Outside, _) => {
                self.place = Place::Stray;
                self.keep(byte);
            }
            (Place::Between, b']') => self.place = Place::Outside,
            (Place::Between, _) => {
                self.place = Place::Element;
                self.scan = Scan::default();
                self.step(byte, out);
            }
        }
    }

    #[inline]
    fn keep(&mut self, byte: u8) {
        if self.item.len() < LIMIT {
            self.item.push(byte);
        }
    }

    fn close(&mut self, place: Place, out: &mut Vec<u8>) {
        push_item(&self.item, out);
        self.item.clear();
        self.place = place;
    }
}
