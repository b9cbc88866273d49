//! `rebuild`: builds the batch views now, at the cuts published so far.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use views::{Built, ViewError, rebuild};

use super::print;
use crate::advice::Advice;
use crate::config::Settings;
use crate::flags::RebuildArgs;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::{Progress, bytes, grouped};

/// How often another build may be faster before this one gives up.
const ATTEMPTS: u32 = 5;
/// Time between looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// Runs `rebuild`.
pub(super) async fn run(args: RebuildArgs, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    for _ in 0..ATTEMPTS {
        match build(&place, &settings, args.full).await {
            Err(ViewError::Overtaken { number }) => tracing::info!(number, "another build was faster, building on it"),
            result => return print(told(&result?).as_bytes()),
        }
    }
    Err(anyhow!("{ATTEMPTS} times another build was published first")
        .advise("a scheduler is at work: nothing is missing"))
}

/// Builds once, showing how far it is.
async fn build(place: &Place, settings: &Settings, full: bool) -> Result<Built, ViewError> {
    let options = place.build_options(settings, full);
    let counters = Arc::clone(&options.progress);
    let shown = Progress::start("rebuild");
    let mut building = std::pin::pin!(rebuild(Arc::clone(&place.store), Arc::clone(&place.clock), options));
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            built = &mut building => return built,
            _ = look.tick() => {
                let ((read, total), (written, files)) = (counters.bytes(), counters.files());
                shown.at(read, Some(total), || {
                    format!("{} of {} read, {written} of {files} views written", bytes(read), bytes(total))
                });
            }
        }
    }
}

/// What was built, up to when.
fn told(built: &Built) -> String {
    let Some(manifest) = &built.manifest else {
        return "nothing to build: no cut is published yet\n".to_owned();
    };
    let files: u64 = manifest.pages.iter().map(|page| page.partitions).sum();
    let monitors: u64 = manifest.monitors.iter().map(|monitor| monitor.messages).sum();
    let imports: u64 = manifest.imports.iter().map(|import| import.messages).sum();
    let what = if built.published {
        format!("built from {} dated files, {} views written", built.files, built.written)
    } else {
        "already covers every published cut".to_owned()
    };
    format!(
        "manifest {} {what}: {} messages up to the tick at {}, {} rows in {} view files, content {}\n",
        manifest.number,
        grouped(monitors + imports),
        manifest.latest_tick,
        grouped(manifest.rows()),
        grouped(files),
        manifest.content,
    )
}
