//! What this machine has of its own monitor: local realtime views and the log.
//!
//! What must hold: no view that is used reaches beyond the log's end, so the
//! views are listed first. The open generation's journal is read on from the
//! mark of its newest view, or of where it was followed to: it has a record a
//! commit, and both know where they ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use log::Snapshot;

use crate::error::{Result, ViewError};
use crate::followed::Followed;
use crate::reader::Reader;
use crate::realtime_view::{Listing, RealtimeView};

/// The local realtime views, and every generation of the log that is here.
pub(crate) struct Own {
    pub(crate) views: Listing,
    pub(crate) log: Snapshot,
    /// How far the log's end had been followed before, if that began behind the newest view.
    pub(crate) followed: Option<Followed>,
}

impl Own {
    /// None where no monitor lives.
    pub(crate) async fn read(reader: &Reader, avoid: &BTreeSet<String>) -> Result<Option<Self>> {
        let Some(local) = &reader.local else { return Ok(None) };
        let views = Listing::local(local)?;
        let newest = newest(reader, &views, avoid).await?;
        let name = newest.as_ref().map(|view| view.note.name());
        let followed = reader.cache.as_ref().and_then(|cache| cache.followed.lock().clone());
        let followed = followed.filter(|followed| followed.begins_at(name.as_ref()));
        let mark = followed.as_ref().map(|followed| followed.mark).or(newest.map(|view| view.note.mark));
        let log = Snapshot::read(&*local.disk, &local.folder, mark.as_ref())?;
        Ok(log.map(|log| Own { views, log, followed }))
    }
}

/// The view that reaches furthest.
async fn newest(reader: &Reader, views: &Listing, avoid: &BTreeSet<String>) -> Result<Option<Arc<RealtimeView>>> {
    for (name, place) in views.iter().rev().filter(|(_, place)| !avoid.contains(&place.to_string())) {
        match reader.realtime(place, name).await {
            Ok(view) => return Ok(Some(view)),
            Err(ViewError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
