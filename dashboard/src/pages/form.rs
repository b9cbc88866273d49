//! The form that asks for a range: two pickers, quick ranges, whose clocks.
//!
//! What must hold: it shows what was asked for, also where that cannot be meant; sent without a script it says the same.

use super::address::{Address, Range};
use super::reading::Clocks;
use super::resolution::Resolution;

/// Quick ranges: what the button says, and how far back it goes.
pub(super) const QUICK: [(&str, &str); 4] = [("15 min", "15m"), ("1 h", "1h"), ("24 h", "24h"), ("7 d", "7d")];

/// What the form shows.
#[derive(Clone, Debug)]
pub(super) struct RangeForm {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) zone: &'static str,
    pub(super) quick: Vec<Quick>,
    /// What each may be drawn in, and whether it was chosen; empty where nothing is drawn.
    pub(super) every: Vec<(String, bool)>,
    /// What every point is if nothing is chosen.
    pub(super) auto: String,
    /// What cannot be meant.
    pub(super) problems: Vec<String>,
}

/// A quick range.
#[derive(Clone, Debug)]
pub(super) struct Quick {
    pub(super) words: &'static str,
    pub(super) last: &'static str,
    pub(super) chosen: bool,
}

impl RangeForm {
    /// As it is before anything was asked.
    pub(super) fn last_hour(clocks: &Clocks) -> Self {
        let to = clocks.now;
        let from = to.saturating_add(-3_600_000_000);
        Self::shown(clocks, clocks.picked(from), clocks.picked(to), "")
    }

    /// For a range that is drawn.
    pub(super) fn of(address: &Address, range: Range, resolution: &Resolution, clocks: &Clocks) -> Self {
        let last = if range.moving { address.from.trim_start_matches('-') } else { "" };
        let last = if range.moving && address.from.is_empty() { "1h" } else { last };
        let mut form = Self::shown(clocks, clocks.picked(range.from), clocks.picked(range.to), last);
        let chosen = |every: &views::Every| address.every == Some(*every);
        form.every = resolution.possible.iter().map(|every| (every.to_string(), chosen(every))).collect();
        form.auto = resolution.every.to_string();
        form.problems.clone_from(&address.problems);
        form
    }

    /// For what cannot be meant.
    pub(super) fn refused(address: &Address, problem: String, clocks: &Clocks) -> Self {
        let mut form = Self::shown(clocks, address.from.clone(), address.to.clone(), "");
        form.problems.clone_from(&address.problems);
        form.problems.push(problem);
        form
    }

    fn shown(clocks: &Clocks, from: String, to: String, last: &str) -> Self {
        let quick = QUICK.map(|(words, ago)| Quick { words, last: ago, chosen: ago == last });
        Self {
            from,
            to,
            zone: clocks.name(),
            quick: quick.to_vec(),
            every: Vec::new(),
            auto: String::new(),
            problems: Vec::new(),
        }
    }
}
