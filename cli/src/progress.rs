//! Progress on stderr: a bar on a terminal; where stderr is piped only how it ended, nothing when quiet. What is counted is the caller's; this only shows it.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

static QUIET: AtomicBool = AtomicBool::new(false);
static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Shows no progress from now on.
pub(crate) fn silence() {
    QUIET.store(true, Ordering::Relaxed);
}

/// One piece of work whose progress is shown.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    End,
    Bar(ProgressBar),
}

impl Progress {
    /// Starts showing the work `what`, as in "rebuild".
    pub(crate) fn start(what: &'static str) -> Self {
        let shown = if QUIET.load(Ordering::Relaxed) {
            Shown::Nothing
        } else if io::stderr().is_terminal() {
            Shown::Bar(bar(what))
        } else {
            Shown::End
        };
        Self { what, shown }
    }

    /// Shows where the work is: `done` of `total`, where the total is known, and a few words.
    /// Cheap enough to call often: the words are made only when they are shown.
    pub(crate) fn at(&self, done: u64, total: Option<u64>, words: impl FnOnce() -> String) {
        let Shown::Bar(bar) = &self.shown else { return };
        if let (Some(total), None) = (total, bar.length()) {
            bar.set_length(total);
            bar.set_style(style("{prefix} {wide_bar:.cyan/dim} {percent}% {msg} {eta}"));
        }
        bar.set_position(done);
        bar.set_message(words());
    }

    /// Takes the bar away and says in one line how the work ended.
    pub(crate) fn finish(self, words: &str) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
        if !matches!(self.shown, Shown::Nothing) {
            say(&format!("{}: {words}", self.what));
        }
    }
}

impl Drop for Progress {
    /// An error's words stand alone, without half a bar above them.
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str) -> ProgressBar {
    let bars = BARS.get_or_init(MultiProgress::new);
    let bar = bars.add(ProgressBar::no_length());
    bar.set_style(style("{prefix} {spinner} {msg}"));
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Stderr for the log: while a bar is shown, lines go above it.
pub(crate) fn above_bars() -> AboveBars {
    AboveBars
}

/// See [`above_bars`].
#[derive(Debug)]
pub(crate) struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().write_all(bytes);
        // As with `say`; the log's own complaint would panic where stderr fails.
        let _ = BARS.get().map_or_else(write, |bars| bars.suspend(write));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line on stderr. Where stderr fails nobody is left to be told, and the work goes on.
pub(crate) fn say(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// Tells the user something about the answer, on stderr, unless quiet.
pub(crate) fn note(words: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        say(words);
    }
}

/// A count as people read it: 1234567 is `1 234 567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes as people read it: `1.41 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(scale, _)| count >= *scale) {
        Some((scale, unit)) => format!("{:.2} {unit}", count as f64 / *scale as f64),
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn counts_are_grouped_in_threes() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(count), text);
        }
    }
}
