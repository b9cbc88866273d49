//! The layouts a parser remembers, and the guess which of them is next.
//!
//! Bounded in number and size. A line costs at most [`MAX_TRIES`] attempts beside the full parser, and one in sixteen
//! lines that while nothing fits; learning costs no more than parsing does, and once the memory is full it is done
//! at most every [`LEAST_PATIENCE`] misses, ever more seldom while what is learned is of no use. So input made to
//! defeat it costs the full parser's time and little more.

use super::judge::Scratch;
use super::layout::{Fit, Layout, WINDOW};
use super::object::Object;
use crate::Metrics;
use crate::swar;

/// How many layouts are remembered.
const MAX_LAYOUTS: usize = 16;
/// How many layouts that begin like the line are tried on it, beside the guess.
const MAX_TRIES: usize = 6;
/// After so many misses in a row only every sixteenth line is tried.
const MISSES_TO_DOUBT: u32 = 32;
/// Misses between two layouts learned when the memory is full: at least, and at most. Primes, so that clients that take
/// turns are all learned from.
const LEAST_PATIENCE: u32 = 7;
const MOST_PATIENCE: u32 = 1021;

/// What is remembered.
#[derive(Debug)]
pub(super) struct Layouts {
    known: Vec<Known>,
    /// The one that fitted last.
    last: usize,
    /// Where the search for one to replace goes on.
    hand: usize,
    misses_in_a_row: u32,
    misses_since_learned: u32,
    patience: u32,
}

#[derive(Debug)]
struct Known {
    layout: Layout,
    /// The one that came after it last time.
    follower: usize,
    /// Fitted since the hand passed.
    fresh: bool,
    /// Ever fitted.
    useful: bool,
}

impl Layouts {
    pub(super) fn new() -> Self {
        Layouts {
            known: Vec::new(),
            last: 0,
            hand: 0,
            misses_in_a_row: 0,
            misses_since_learned: 0,
            patience: LEAST_PATIENCE,
        }
    }

    /// Reads the object that these bytes begin with by one of the layouts, if one fits.
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8], metrics: &Metrics, scratch: &mut Scratch) -> Option<Fit> {
        match bytes.first_chunk() {
            Some(window) => self.read_window(window, metrics, scratch),
            None => self.read_tail(bytes, metrics, scratch),
        }
    }

    /// [`Layouts::read`] near the end of a chunk.
    #[cold]
    fn read_tail(&mut self, bytes: &[u8], metrics: &Metrics, scratch: &mut Scratch) -> Option<Fit> {
        let mut window = [0; WINDOW];
        window[..bytes.len()].copy_from_slice(bytes);
        self.read_window(&window, metrics, scratch)
    }

    #[inline]
    fn read_window(&mut self, window: &[u8; WINDOW], metrics: &Metrics, scratch: &mut Scratch) -> Option<Fit> {
        let guess = self.known.get(self.last)?.follower;
        let Some(fit) = self.known.get(guess)?.layout.read(window, metrics, scratch) else {
            return self.search(guess, window, metrics, scratch);
        };
        self.hit(guess);
        Some(fit)
    }

    /// Tries the layouts other than the guess that begin as the line does.
    fn search(&mut self, guess: usize, window: &[u8; WINDOW], metrics: &Metrics, scratch: &mut Scratch) -> Option<Fit> {
        self.misses_in_a_row = self.misses_in_a_row.wrapping_add(1);
        if self.misses_in_a_row > MISSES_TO_DOUBT && !self.misses_in_a_row.is_multiple_of(16) {
            return None;
        }
        let first = swar::load16(window, 0);
        let begin_so = self.known.iter().enumerate().filter(|(i, known)| *i != guess && known.layout.begins(first));
        let fits = begin_so.take(MAX_TRIES).find_map(|(i, known)| {
            let fit = known.layout.read(window, metrics, scratch)?;
            Some((i, fit))
        });
        let (i, fit) = fits?;
        self.known[self.last].follower = i;
        self.hit(i);
        Some(fit)
    }

    #[inline]
    fn hit(&mut self, i: usize) {
        (self.known[i].fresh, self.known[i].useful) = (true, true);
        (self.last, self.misses_in_a_row) = (i, 0);
    }

    /// Remembers the layout of a message that none fitted.
    pub(super) fn learn(&mut self, bytes: &[u8], start: usize, object: &Object) {
        let full = self.known.len() == MAX_LAYOUTS;
        self.misses_since_learned += 1;
        if full && self.misses_since_learned < self.patience {
            return;
        }
        self.misses_since_learned = 0;
        let Some(layout) = Layout::learn(bytes, start, object) else { return };
        if self.known.iter().any(|known| known.layout == layout) {
            return;
        }
        let place = if full { self.least_needed() } else { self.known.len() };
        let known = Known { layout, follower: place, fresh: false, useful: false };
        if full {
            self.known[place] = known;
        } else {
            self.known.push(known);
        }
        if let Some(last) = self.known.get_mut(self.last) {
            last.follower = place;
        }
        self.last = place;
    }

    /// The one to replace: the first from the hand on that has not fitted since the hand last passed (the clock
    /// algorithm). Whether it was ever of use tells how eagerly to learn.
    fn least_needed(&mut self) -> usize {
        while self.known[self.hand].fresh {
            self.known[self.hand].fresh = false;
            self.hand = (self.hand + 1) % self.known.len();
        }
        let place = self.hand;
        self.hand = (place + 1) % self.known.len();
        let patience = if self.known[place].useful { self.patience / 2 } else { self.patience * 2 };
        self.patience = patience.clamp(LEAST_PATIENCE, MOST_PATIENCE);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Next, Parser};
    use super::*;

    /// A parser that has learned one layout.
    fn parser() -> Parser {
        let mut parser = Parser::new(&Metrics::default());
        predicted(&mut parser, 0);
        parser
    }

    /// Reads a message whose layout has this number; whether it was predicted.
    fn predicted(parser: &mut Parser, layout: usize) -> bool {
        let line = format!(r#"{{"k{layout}":0,"service":"a","ts":1,"cpu":1,"ram":2,"disk":3}}"#);
        assert!(matches!(parser.next(line.as_bytes()), Next::Message { .. }));
        parser.layouts.misses_in_a_row == 0
    }

    #[test]
    fn as_many_layouts_as_fit_are_predicted_in_any_order() {
        let mut parser = parser();
        for layout in (0..MAX_LAYOUTS).chain((0..MAX_LAYOUTS).rev()) {
            predicted(&mut parser, layout);
        }
        assert!((0..1000).all(|i| predicted(&mut parser, i * i % MAX_LAYOUTS)));
    }

    #[test]
    fn endless_new_layouts_fill_no_memory_and_are_learned_ever_more_seldom() {
        let mut parser = parser();
        (1..20_000).for_each(|layout| assert!(!predicted(&mut parser, layout)));
        assert_eq!(parser.layouts.known.len(), MAX_LAYOUTS);
        assert_eq!(parser.layouts.patience, MOST_PATIENCE);
    }

    #[test]
    fn after_the_noise_a_steady_client_is_soon_predicted_again() {
        let mut parser = parser();
        (1..20_000).for_each(|layout| _ = predicted(&mut parser, layout));
        let misses = (0..5000).filter(|_| !predicted(&mut parser, 1_000_000)).count();
        assert!(misses <= MOST_PATIENCE as usize + 16, "{misses}");
    }

    #[test]
    fn a_steady_client_outlives_the_noise_around_it() {
        let mut parser = parser();
        predicted(&mut parser, 0);
        let misses =
            (1..20_000).filter(|layout| !(predicted(&mut parser, *layout) | predicted(&mut parser, 0))).count();
        assert_eq!(misses, 0);
    }

    #[test]
    fn a_steady_client_that_comes_late_is_learned_among_the_noise() {
        let mut parser = parser();
        (1..5000).for_each(|layout| _ = predicted(&mut parser, layout));
        let misses = (5000..20_000).filter(|layout| {
            predicted(&mut parser, *layout);
            !predicted(&mut parser, 0)
        });
        assert!(misses.count() <= 2 * MOST_PATIENCE as usize + 16);
    }

    #[test]
    fn more_layouts_than_fit_are_still_mostly_predicted() {
        let mut parser = parser();
        let clients = MAX_LAYOUTS + 4;
        let hits = (0..20_000).filter(|i| predicted(&mut parser, i % clients)).count();
        assert!(hits > 10_000, "{hits}");
    }
}
