//! What this machine has of its own monitor: local realtime views and the log.
//!
//! What must hold: no view that is used reaches beyond the log's end, so the
//! views are listed first. The open generation's journal is read on from the
//! mark of its newest view: it has a record a commit, and a view knows where it
//! ended.

use std::collections::BTreeSet;

use log::{JournalMark, Snapshot};

use crate::error::{Result, ViewError};
use crate::reader::Reader;
use crate::realtime_view::{Listing, RealtimeView};

/// The local realtime views, and every generation of the log that is here.
pub(crate) struct Own {
    pub(crate) views: Listing,
    pub(crate) log: Snapshot,
}

impl Own {
    /// None where no monitor lives.
    pub(crate) async fn read(reader: &Reader, avoid: &BTreeSet<String>) -> Result<Option<Self>> {
        let Some(local) = &reader.local else { return Ok(None) };
        let views = Listing::local(local)?;
        let mark = newest_mark(reader, &views, avoid).await?;
        let log = Snapshot::read(&*local.disk, &local.folder, mark.as_ref())?;
        Ok(log.map(|log| Own { views, log }))
    }
}

/// The mark of the view that reaches furthest.
async fn newest_mark(reader: &Reader, views: &Listing, avoid: &BTreeSet<String>) -> Result<Option<JournalMark>> {
    for (name, place) in views.iter().rev().filter(|(_, place)| !avoid.contains(&place.to_string())) {
        match RealtimeView::open(reader, place, name).await {
            Ok(view) => return Ok(Some(view.note.mark)),
            Err(ViewError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
