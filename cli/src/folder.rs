//! What can be wrong with a data folder before anything in it is opened, and what to do about it.
//!
//! In: the settings, or a place. Out: an error with advice, or the problem in words. Must hold: nothing is created or
//! changed here.

use std::io;
use std::path::Path;

use anyhow::{Result, anyhow};
use storage::Disk;
use storage::layout::DataFolder;

use crate::advice::{Advice, advice};
use crate::config::{Settings, StoreUrl};

/// The settings, if no file stands where a folder is named.
///
/// # Errors
/// The file, and which setting names it.
pub(crate) fn checked(settings: Settings) -> Result<Settings> {
    let data = settings.data.0.as_ref().map(|folder| ("--data DIR", &folder.0));
    let store = settings.store.0.as_ref().and_then(|store| match store {
        StoreUrl::Folder(root) => Some(("--store DIR", root)),
        StoreUrl::Hdfs(_) | StoreUrl::Bucket(_) => None,
    });
    for (flag, path) in data.into_iter().chain(store) {
        let there = path.ancestors().find_map(|part| part.metadata().ok().map(|found| (part, found)));
        if let Some((file, _)) = there.filter(|(_, found)| !found.is_dir()) {
            return Err(anyhow!("{} is no folder", file.display()).advise(format!("name a folder with {flag}")));
        }
    }
    Ok(settings)
}

/// An error of making a data folder and its store; one of the disk says where else they could be.
pub(crate) fn not_made(error: anyhow::Error) -> anyhow::Error {
    let of_disk = error.chain().any(|cause| cause.is::<io::Error>());
    match of_disk && advice(&error).is_none() {
        true => error.advise("name a folder that can be made or written to, with --data DIR or --store DIR"),
        false => error,
    }
}

/// Says that the identity is gone, where a monitor has written: without it nobody can go on with its log.
pub(crate) fn lost_identity(disk: &dyn Disk, folder: &DataFolder) -> Option<String> {
    let path = folder.identity();
    if !matches!(disk.length(&path), Ok(None)) {
        return None;
    }
    let written = [folder.journals(), folder.logs()].iter().any(|folder| holds_file(disk, folder));
    written.then(|| {
        format!(
            "{} is gone: it held the id and the incarnation of the monitor whose log and journals are in this folder; \
             restore it from a backup",
            path.display()
        )
    })
}

fn holds_file(disk: &dyn Disk, folder: &Path) -> bool {
    let entries = disk.list(folder).unwrap_or_default();
    entries.iter().any(|entry| !entry.is_dir || holds_file(disk, &folder.join(&entry.name)))
}
