//! `import`: existing files become dated files that the next rebuild includes; `--undo` withdraws one.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use client::Input;
use log::import::{self, ImportOptions, Rejected, Staged};
use schema::{ImportHash, Micros, Reject};
use storage::DiskLock;
use storage::layout::Role;

use super::print;
use super::quarantine::Quarantine;
use crate::advice::Advice;
use crate::config::Settings;
use crate::flags::ImportArgs;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::{Progress, bytes, grouped};

/// Runs `import`.
pub(super) async fn run(args: ImportArgs, settings: Settings) -> Result<Outcome> {
    let place = Place::existing_or_new(&settings).await?;
    let now = place.clock.now();
    if let Some(hash) = args.undo {
        let hash: ImportHash = hash
            .parse()
            .with_context(|| format!("--undo {hash}"))
            .advise("give the 64 hex digits that the import printed")?;
        import::undo(&*place.store, hash, now).await.advise("`hourglass status` lists the imports")?;
        return print(format!("withdrawn {hash}: counts until the next rebuild\n").as_bytes());
    }
    let _only = lock(&place)?;
    import::clean(&*place.store, &*place.disk, &place.folder).await?;
    for file in &args.files {
        let said = import_one(&place, &settings, file, now).await?;
        print(said.as_bytes())?;
    }
    Ok(Outcome::Fine)
}

/// One import at a time works in a data folder.
fn lock(place: &Place) -> Result<DiskLock> {
    let path = place.folder.lock(Role::Import);
    place.disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => anyhow!("{}: another import is running on this data folder", path.display())
            .advise("wait until it has ended"),
        _ => error.into(),
    })
}

/// Imports one file; what could not be is cleared away.
async fn import_one(place: &Place, settings: &Settings, file: &Path, now: Micros) -> Result<String> {
    let imported = async {
        let (staged, hash) = stage(place, settings, file, now)?;
        let told = told(&staged, hash, file);
        import::publish(&*place.store, &*place.disk, &place.folder, staged, hash, now).await.map_err(|error| {
            match error {
                log::LogError::AlreadyImported { .. } => anyhow!(error).advise(format!(
                    "nothing was changed; to import it again, withdraw it first: `hourglass import --undo {hash}`"
                )),
                error => error.into(),
            }
        })?;
        Ok(told)
    };
    match imported.await {
        Ok(told) => Ok(told),
        Err(error) => {
            import::clean(&*place.store, &*place.disk, &place.folder).await?;
            Err(anyhow::Error::context(error, format!("{} is not imported", file.display())))
        }
    }
}

/// Reads the whole file into dated files, here.
fn stage(place: &Place, settings: &Settings, file: &Path, now: Micros) -> Result<(Staged, ImportHash)> {
    let mut input = Input::open(file)?;
    let future = i64::try_from(settings.accept_future.0.as_micros()).unwrap_or(i64::MAX);
    let options = ImportOptions {
        metrics: place.metrics.clone(),
        latest: now.saturating_add(future),
        services: usize::try_from(settings.accept_services.0).unwrap_or(usize::MAX),
        attempt: rand::random(),
        file_bytes: settings.log_bytes.0,
    };
    let mut shown = Progress::start("import");
    let mut quarantine = Quarantine::open(place, now, file, settings.quarantine_bytes.0)?;
    let length = input.length();
    let mut chunks = std::iter::from_fn(|| {
        let chunk = input.next()?;
        let read = input.position();
        shown.at(read, length, || format!("{} of {} read", bytes(read), length.map_or("?".to_owned(), bytes)));
        Some(chunk.map_err(io::Error::other))
    });
    let mut keep = |rejected: Rejected| quarantine.keep(&rejected);
    let staged = import::stage(&*place.disk, &place.folder, &options, &mut chunks, &mut keep)?;
    let hash = input.sha256().context("the input ended without a hash")?;
    Ok((staged, ImportHash(hash)))
}

fn told(staged: &Staged, hash: ImportHash, file: &Path) -> String {
    let reasons: BTreeMap<&str, u64> = rejects(staged).map(|(reason, count)| (reason.as_str(), count)).collect();
    let reasons: Vec<_> = reasons.iter().map(|(reason, count)| format!("{reason} {}", grouped(*count))).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    format!(
        "imported {hash} from {}: {} messages of {} services, {} rejected{reasons}; counts with the next rebuild\n",
        file.display(),
        grouped(staged.messages),
        staged.services.len(),
        grouped(staged.rejected.total()),
    )
}

fn rejects(staged: &Staged) -> impl Iterator<Item = (Reject, u64)> {
    staged.rejected.iter().filter(|(_, count)| *count > 0)
}
