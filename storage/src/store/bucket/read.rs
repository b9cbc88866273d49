//! Reading and listing.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path as Location;
use object_store::{GetOptions, ObjectStoreExt};

use tokio::time::timeout_at;

use super::attempts::{ask, collect, deadline};
use super::error::{Kind, kind};
use super::{BucketFailure, BucketStore};
use crate::store::key::is_part;
use crate::store::parts::{self, Part};
use crate::store::{Key, Listed};

/// Files whose parts are remembered; beyond it all are forgotten.
const REMEMBERED: usize = 256;
/// Parts read at once.
const AT_ONCE: usize = 8;

/// What a file is made of.
#[derive(Debug)]
pub(super) enum Shape {
    /// One object of this length.
    Whole(u64),
    /// Parts, one at least.
    Grown(Arc<[Part]>),
}

impl Shape {
    /// The file's length.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Whole(length) => *length,
            Self::Grown(parts) => end(parts),
        }
    }
}

fn end(parts: &[Part]) -> u64 {
    parts.last().map_or(0, |last| last.end)
}

/// Looking.
impl BucketStore {
    /// What the file is made of now; `None` without the file.
    pub(super) async fn look(&self, key: &Key) -> Result<Option<Shape>, BucketFailure> {
        // What grew is most likely still that.
        let grew = self.known_end(key).is_some();
        if grew && let parts @ [_, ..] = &*self.parts_of(key).await? {
            return Ok(Some(Shape::Grown(parts.into())));
        }
        let location = self.location(key)?;
        match ask(0, || self.bucket.head(&location)).await {
            Ok(object) => return Ok(Some(Shape::Whole(object.size))),
            Err(BucketFailure::Bucket(error)) if kind(&error) == Kind::Absent => {}
            Err(error) => return Err(error),
        }
        let parts = self.parts_of(key).await?;
        Ok((!parts.is_empty()).then_some(Shape::Grown(parts)))
    }

    /// The parts that make up the file now; none where it has not grown.
    pub(super) async fn parts_of(&self, key: &Key) -> Result<Arc<[Part]>, BucketFailure> {
        let parts: Arc<[Part]> = parts::run(0, self.every_part_of(key).await?).into();
        let mut grown = self.grown.lock();
        if parts.is_empty() {
            grown.remove(key);
        } else {
            if grown.len() >= REMEMBERED {
                grown.clear();
            }
            grown.insert(key.clone(), Arc::clone(&parts));
        }
        Ok(parts)
    }

    /// Every part of the file, also those that do not count.
    pub(super) async fn every_part_of(&self, key: &Key) -> Result<Vec<Part>, BucketFailure> {
        let folder = self.locate(&parts::folder(key))?;
        let objects = collect(|| self.bucket.list(Some(&folder))).await?;
        let parts = objects.iter().filter_map(|object| match parts::parse(self.below(&object.location)?)? {
            parts::Object::Part(_, start) => Some(Part { start, end: start.saturating_add(object.size) }),
            parts::Object::Whole(_) => None,
        });
        Ok(parts.collect())
    }

    /// Where the file ended when its parts were last seen.
    pub(super) fn known_end(&self, key: &Key) -> Option<u64> {
        self.grown.lock().get(key).map(|parts| end(parts))
    }

    /// Remembers a part that was added.
    pub(super) fn note(&self, key: &Key, part: Part) {
        let mut grown = self.grown.lock();
        let known = grown.get(key).map_or(&[][..], |parts| parts);
        if end(known) == part.start {
            let parts = known.iter().copied().chain([part]).collect();
            grown.insert(key.clone(), parts);
        }
    }

    /// Forgets what the file was made of.
    pub(super) fn forget(&self, key: &Key) {
        self.grown.lock().remove(key);
    }

    /// An object's name below the store's prefix.
    fn below<'a>(&self, location: &'a Location) -> Option<&'a str> {
        let name: &str = location.as_ref();
        if self.root.is_empty() { Some(name) } else { name.strip_prefix(&self.root)?.strip_prefix('/') }
    }
}

/// Reading.
impl BucketStore {
    /// The whole file.
    pub(super) async fn read_all(&self, key: &Key) -> Result<Bytes, BucketFailure> {
        if self.known_end(key).is_none() {
            match self.read_whole(key).await {
                Err(BucketFailure::Absent) => {}
                read => return read,
            }
        }
        self.read_stretch(key, 0..u64::MAX).await
    }

    /// The bytes of `range` as far as the file has them.
    pub(super) async fn read_stretch(&self, key: &Key, range: Range<u64>) -> Result<Bytes, BucketFailure> {
        let known = self.grown.lock().get(key).filter(|parts| range.end <= end(parts)).map(Arc::clone);
        let shape = match known {
            Some(parts) => Some(Shape::Grown(parts)),
            None => self.look(key).await?,
        };
        match shape.ok_or(BucketFailure::Absent)? {
            Shape::Whole(end) => self.get(&self.location(key)?, &range, Part { start: 0, end }).await,
            Shape::Grown(parts) => self.read_parts(key, &range, &parts).await,
        }
    }

    async fn read_whole(&self, key: &Key) -> Result<Bytes, BucketFailure> {
        let location = self.location(key)?;
        let found = ask(0, || self.bucket.get(&location)).await.map_err(absent)?;
        let length = found.meta.size;
        match timeout_at(deadline(length), found.bytes()).await {
            Ok(Ok(bytes)) => Ok(bytes),
            // It broke off.
            _ => self.get(&location, &(0..length), Part { start: 0, end: length }).await,
        }
    }

    async fn read_parts(&self, key: &Key, range: &Range<u64>, parts: &[Part]) -> Result<Bytes, BucketFailure> {
        let mut pieces = Vec::new();
        for &part in parts.iter().filter(|part| !part.stretch(range).is_empty()) {
            pieces.push(self.read_part(key, range, part));
        }
        let pieces: Result<Vec<Bytes>, _> = stream::iter(pieces).buffered(AT_ONCE).try_collect().await;
        if let Err(BucketFailure::Absent) = pieces {
            self.forget(key);
        }
        Ok(parts::joined(pieces?))
    }

    async fn read_part(&self, key: &Key, range: &Range<u64>, part: Part) -> Result<Bytes, BucketFailure> {
        let location = self.locate(&parts::object(key, part.start))?;
        self.get(&location, range, part).await
    }

    /// What the object of this part has of `range`.
    async fn get(&self, location: &Location, range: &Range<u64>, part: Part) -> Result<Bytes, BucketFailure> {
        let stretch = part.stretch(range);
        if stretch.is_empty() {
            return Ok(Bytes::new());
        }
        let options = || GetOptions::new().with_range(Some(stretch.clone()));
        let get = async || self.bucket.get_opts(location, options()).await?.bytes().await;
        ask(stretch.end - stretch.start, get).await.map_err(absent)
    }
}

fn absent(error: BucketFailure) -> BucketFailure {
    match error {
        BucketFailure::Bucket(error) if kind(&error) == Kind::Absent => BucketFailure::Absent,
        other => other,
    }
}

/// Listing.
impl BucketStore {
    /// Every file below the folder, sorted.
    pub(super) async fn list_below(&self, prefix: &Key) -> Result<Vec<Listed>, BucketFailure> {
        let location = self.location(prefix)?;
        let objects = collect(|| self.bucket.list(Some(&location))).await?;
        let named = objects.iter().filter_map(|object| Some((self.below(&object.location)?.to_owned(), object.size)));
        Ok(parts::files(named))
    }

    /// The names of the folders in the folder, sorted.
    pub(super) async fn folders_in(&self, prefix: &Key) -> Result<Vec<String>, BucketFailure> {
        let location = self.location(prefix)?;
        let listed = ask(0, || self.bucket.list_with_delimiter(Some(&location))).await?;
        let names = listed.common_prefixes.iter().filter_map(Location::filename);
        let mut folders: Vec<String> = names.filter(|name| is_part(name)).map(str::to_owned).collect();
        folders.sort();
        Ok(folders)
    }
}
