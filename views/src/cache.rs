//! What a reader that answers many questions keeps between them.
//!
//! Enters: what was read and checked. Leaves: the same, without reading it again. Kept are only things that never
//! change under their names (manifests, pages, view files and their rows), the way in which the log's end was read so
//! far ([`Followed`]), and the newest [`Present`], for those who asked for it before it was read.
//!
//! What must hold: an answer with a cache is the answer without one. It takes at most the bytes it was given, and
//! besides what the newest present refers to. A file that is kept open is of no use to anybody else once it is retired:
//! there are a few hundred of these at most, for each counts for [`OPEN_FILE`].

use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Bounded;

use crate::followed::Followed;
use crate::held_rows::HeldRows;
use crate::manifest::{Manifest, Partition};
use crate::present::Present;
use crate::query::Every;
use crate::realtime_view::RealtimeView;
use crate::shared::Shared;
use crate::view_file::ViewFile;

/// What a file counts for that is held open.
const OPEN_FILE: u64 = 64 << 10;
/// What a partition of a page takes, about.
const PARTITION: u64 = 200;
/// How many things a cache is laid out for, each of so many bytes.
const TYPICAL: u64 = 16 << 10;

/// Bounded by the bytes it was made for.
#[derive(Debug)]
pub(crate) struct Cache {
    files: Bounded<Name, Kept, Weight>,
    pub(crate) manifest: Mutex<Option<Arc<Manifest>>>,
    pub(crate) followed: Mutex<Option<Followed>>,
    pub(crate) present: Shared<Present>,
}

/// What a thing is kept under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A file, by its key or path.
    File(String),
    /// The rows of one of its groups, rolled up.
    Rows(String, usize, Every),
}

/// A thing that is kept.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    /// A page of the manifest.
    Page(Arc<Vec<Partition>>),
    /// A batch view file, open.
    Batch(Arc<ViewFile>),
    /// A realtime view, open.
    Realtime(Arc<RealtimeView>),
    /// Rows, checked.
    Rows(Arc<HeldRows>),
}

impl Cache {
    /// A cache of at most so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let files = Bounded::with_weighter((bytes / TYPICAL) as usize, bytes, Weight);
        Cache { files, manifest: Mutex::default(), followed: Mutex::default(), present: Shared::default() }
    }

    /// What is kept under `name`.
    pub(crate) fn get(&self, name: &Name) -> Option<Kept> {
        self.files.get(name)
    }

    /// Keeps it, while there is room.
    pub(crate) fn keep(&self, name: Name, kept: Kept) {
        self.files.insert(name, kept);
    }
}

/// How much of a cache a thing takes.
#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Name, Kept> for Weight {
    fn weight(&self, _: &Name, kept: &Kept) -> u64 {
        match kept {
            Kept::Page(partitions) => PARTITION * (1 + partitions.len() as u64),
            Kept::Batch(file) => OPEN_FILE.max(file.held_bytes()),
            Kept::Realtime(view) => OPEN_FILE.max(view.file.held_bytes()),
            Kept::Rows(rows) => rows.held_bytes(),
        }
    }
}
