//! `import`: existing files become dated files that the next rebuild includes; `--undo` withdraws one.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use client::Input;
use log::LogError;
use log::import::{self, ImportOptions, Rejected, Staged};
use schema::{ImportHash, Micros, Reject};
use storage::layout::Role;
use storage::{DiskLock, StoreError};
use views::Manifest;

use super::print;
use super::quarantine::Quarantine;
use crate::advice::Advice;
use crate::config::Settings;
use crate::flags::ImportArgs;
use crate::folder::not_made;
use crate::open::Place;
use crate::outcome::{Outcome, tell};
use crate::progress::{Progress, bytes, grouped};

/// Runs `import`.
pub(super) async fn run(args: ImportArgs, settings: Settings) -> Result<Outcome> {
    if let Some(hash) = &args.undo {
        return undo(&Place::existing(&settings).await?, hash).await;
    }
    let place = Place::existing_or_new(&settings).await.map_err(not_made)?;
    let now = place.clock.now();
    let _only = lock(&place)?;
    import::clean(&*place.store, &*place.disk, &place.folder).await?;
    let (mut failed, mut unknown) = (Vec::new(), false);
    for file in &args.files {
        match import_one(&place, &settings, file, now).await {
            Ok(said) => drop(print(said.as_bytes())?),
            Err(error) => {
                unknown |= may_count(&error);
                failed.push(error.context(format!("{} is not imported", file.display())));
            }
        }
    }
    // An attempt whose outcome is unknown may yet count: its files stay until a later run finds out.
    if !failed.is_empty() && !unknown {
        import::clean(&*place.store, &*place.disk, &place.folder).await?;
    }
    ended(failed, args.files.len())
}

/// Each failure is told; one alone is the command's own.
fn ended(mut failed: Vec<anyhow::Error>, files: usize) -> Result<Outcome> {
    match failed.pop() {
        None => Ok(Outcome::Fine),
        Some(only) if files == 1 => Err(only),
        Some(last) => {
            failed.iter().chain([&last]).for_each(tell);
            Err(anyhow!("{} of {files} files are not imported", failed.len() + 1))
        }
    }
}

/// Withdraws an import.
async fn undo(place: &Place, hash: &str) -> Result<Outcome> {
    let hash: ImportHash = hash
        .parse()
        .with_context(|| format!("--undo {hash}"))
        .advise("give the 64 hex digits that the import printed")?;
    let listed = "`hourglass status` lists the imports that count";
    match import::newest(&*place.store, hash).await? {
        None => return Err(anyhow!("{} has no import {hash}", place.url).advise(listed)),
        Some(cut) if cut.withdrawn => return Err(anyhow!("import {hash} is withdrawn already").advise(listed)),
        Some(_) => import::undo(&*place.store, hash, place.clock.now()).await.advise(listed)?,
    };
    let manifest = Manifest::newest(&*place.store).await?;
    let counts = manifest
        .is_some_and(|manifest| manifest.imports.iter().any(|import| import.import == hash && import.messages > 0));
    let until = if counts { "counts until the next rebuild" } else { "no rebuild had included it" };
    print(format!("withdrawn {hash}: {until}\n").as_bytes())
}

/// Whether the store could not say if the import counts.
fn may_count(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<LogError>(), Some(LogError::Store(StoreError::Unknown { .. })))
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

/// Imports one file; says what came of it.
async fn import_one(place: &Place, settings: &Settings, file: &Path, now: Micros) -> Result<String> {
    let (staged, hash) = stage(place, settings, file, now)?;
    let told = told(&staged, hash, file);
    let published = import::publish(&*place.store, &*place.disk, &place.folder, staged, hash, now).await;
    published.map_err(|error| match error {
        // The error says how to withdraw it.
        LogError::AlreadyImported { .. } => {
            anyhow!(error).advise("nothing was changed: it counts once; to import it again, withdraw it first")
        }
        error => error.into(),
    })?;
    Ok(told)
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
    let shown = Progress::start("import");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unknown_outcome_keeps_an_attempt() {
        let key = || "cuts/import-0/0000000000.json".parse().unwrap();
        let source = || io::Error::other("no answer");
        let unknown = StoreError::Unknown { operation: "create", key: key(), source: source().into() };
        assert!(may_count(&LogError::Store(unknown).into()));
        assert!(!may_count(&LogError::Store(StoreError::NotFound { key: key() }).into()));
        assert!(!may_count(&LogError::Disk(source()).into()));
    }
}
