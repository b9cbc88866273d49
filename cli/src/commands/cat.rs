//! `cat`: the original lines, byte for byte; or the sample of rejected ones.

use std::io::{self, BufRead, BufReader, Write};

use anyhow::{Context, Result};
use schema::Micros;
use views::Line;
use views::{Every, Query, View};

use super::range::{Range, Unless};
use crate::config::Settings;
use crate::flags::CatArgs;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::note;
use crate::stdout::Stdout;

/// Runs `cat`.
pub(super) async fn run(args: CatArgs, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    let range = Range::of(&args.range, place.clock.now(), Unless::Everything)?;
    range.explain(&place).await;
    let mut out = Stdout::new();
    let lines = if args.quarantine {
        quarantine(&place, &range, &mut out)?
    } else {
        originals(&place, range, args.positions, &mut out).await?
    };
    out.finish()?;
    if lines == 0 {
        note("no line in this range");
    }
    Ok(Outcome::Fine)
}

/// Writes the lines that were accepted, by source and then in the order they were logged.
async fn originals(place: &Place, range: Range, positions: bool, out: &mut Stdout) -> Result<u64> {
    let Range { from, to, services } = range;
    let query = Query { from, to, services, every: Every::Minute, view: View::Merged };
    let mut lines = 0;
    let mut write = |line: Line<'_>| -> io::Result<()> {
        lines += 1;
        if positions {
            write!(out, "{} {}\t", line.source, line.position)?;
        }
        out.write_all(line.bytes)?;
        out.write_all(b"\n")
    };
    views::cat(&place.reader(), &query, &mut write).await?;
    Ok(lines)
}

/// Writes the kept rejects of this machine whose time is in the range, by day.
fn quarantine(place: &Place, range: &Range, out: &mut Stdout) -> Result<u64> {
    let folder = place.folder.quarantine_folder();
    let entries = match place.disk.list(&folder) {
        // Nothing was ever rejected here.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        entries => entries?,
    };
    let mut names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
    names.sort();
    let mut lines = 0;
    for path in names.iter().map(|name| folder.join(name)) {
        let file = std::fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            // Never synced: a crash may leave half a line.
            let Some(time) = time_of(&line) else { continue };
            if range.from <= time && time < range.to {
                lines += 1;
                out.write_all(&line)?;
                out.write_all(b"\n")?;
            }
        }
    }
    Ok(lines)
}

fn time_of(line: &[u8]) -> Option<Micros> {
    #[derive(serde::Deserialize)]
    struct Kept {
        time: String,
    }
    serde_json::from_slice::<Kept>(line).ok()?.time.parse().ok()
}
