//! Writing: objects that take a name once, and what became of them.
//!
//! Each call marks its object as its own, by a random maker in the metadata.
//! That makes the object the judge of answers that were lost: when the name is
//! found taken, whoever's maker is on it has won, and if it is ours, an earlier
//! attempt of this very call was done. Attempts may be repeated without harm
//! because the server lets one at most take the name.

use bytes::Bytes;
use object_store::path::Path as Location;
use object_store::{Attribute, GetOptions, ObjectStoreExt, PutMode, PutOptions};
use tokio::time::{sleep, timeout_at};

use super::attempts::{PAUSES, ask, deadline};
use super::error::{Kind, kind};
use super::read::Shape;
use super::{BucketFailure, BucketStore};
use crate::publish::Created;
use crate::store::{Key, parts};

/// The metadata that says which call wrote an object.
const MAKER: &str = "hourglass-maker";

/// What is known of an attempt to take a name.
enum Attempt {
    Settled(Created),
    /// It was not done, and may be repeated.
    Undone(BucketFailure),
    /// It may have been done, or may yet be.
    Lost(BucketFailure),
    /// It was not done; nor would another be.
    Refused(BucketFailure),
}

impl BucketStore {
    /// Creates a whole file unless there is one, grown ones included.
    pub(super) async fn create_whole(&self, key: &Key, bytes: Bytes) -> Result<Created, BucketFailure> {
        self.probed().await?;
        if !self.parts_of(key).await?.is_empty() {
            return Ok(Created::Exists);
        }
        self.take(&self.location(key)?, bytes).await
    }

    /// Appends a part if the file is `expected` bytes long, absent being 0.
    /// Returns how long it was, or, where another append came between, is.
    pub(super) async fn append_part(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<u64, BucketFailure> {
        // Parts never change: what ended here once ends here now, or a part has been added, under the very name that
        // is taken below.
        if bytes.is_empty() || self.known_end(key) != Some(expected) {
            let shape = self.look(key).await?;
            let found = shape.as_ref().map_or(0, Shape::length);
            if found != expected || bytes.is_empty() {
                return Ok(found);
            }
            if let Some(Shape::Whole(_)) = shape {
                return Err(BucketFailure::Fixed("it was made whole"));
            }
        }
        self.probed().await?;
        let length = bytes.len() as u64;
        match self.take(&self.locate(&parts::object(key, expected))?, bytes).await? {
            Created::Created => {
                self.note(key, parts::Part { start: expected, end: expected + length });
                Ok(expected)
            }
            Created::Exists => match self.look(key).await?.as_ref().map_or(0, Shape::length) {
                found if found == expected => Err(BucketFailure::Fixed("an empty object has its next part's name")),
                found => Ok(found),
            },
        }
    }

    /// Makes these bytes the whole file.
    pub(super) async fn replace_whole(&self, key: &Key, bytes: Bytes) -> Result<(), BucketFailure> {
        let location = self.location(key)?;
        let put = ask(bytes.len() as u64, || self.bucket.put(&location, bytes.clone().into())).await;
        put.map(drop).map_err(|error| match error {
            BucketFailure::Bucket(ref said) if !matches!(kind(said), Kind::Lost) => error,
            lost => BucketFailure::Unknown(Box::new(lost)),
        })
    }

    /// Deletes a file's object and parts, the last part first: what is left meanwhile is a prefix.
    pub(super) async fn delete_all(&self, key: &Key) -> Result<(), BucketFailure> {
        self.forget(key);
        self.remove(&self.location(key)?).await?;
        let mut starts = self.every_part_of(key).await?;
        starts.sort_unstable();
        for part in starts.iter().rev() {
            self.remove(&self.locate(&parts::object(key, part.start))?).await?;
        }
        self.forget(key);
        Ok(())
    }

    /// Whether the server lets a name be taken once only, found by taking one twice.
    pub(super) async fn probe(&self) -> Result<(), BucketFailure> {
        let location = self.locate(&format!(".~probe-{:016x}", rand::random::<u64>()))?;
        match self.take(&location, Bytes::from_static(b"first")).await {
            Err(BucketFailure::Bucket(error)) if kind(&error) == Kind::Denied => return Ok(()),
            taken => taken?,
        };
        let second = self.take(&location, Bytes::from_static(b"second")).await;
        let removed = self.remove(&location).await;
        if second? == Created::Created {
            return Err(BucketFailure::Unconditional(format!("the server of {} ({})", self.url, self.bucket)));
        }
        removed
    }

    /// Writes an object unless there is one of its name. One caller wins.
    async fn take(&self, location: &Location, bytes: Bytes) -> Result<Created, BucketFailure> {
        let maker = format!("{:032x}", rand::random::<u128>());
        let mut lost = false;
        let mut pauses = PAUSES.iter();
        let deadline = deadline(bytes.len() as u64);
        loop {
            let attempt = match timeout_at(deadline, self.put_new(location, &bytes, &maker)).await {
                Ok(Ok(())) => Attempt::Settled(Created::Created),
                Ok(Err(error)) => self.judge(error, location, &maker, lost).await,
                Err(_) => Attempt::Lost(BucketFailure::NoAnswer),
            };
            let error = match attempt {
                Attempt::Settled(created) => return Ok(created),
                Attempt::Refused(error) if lost => return Err(BucketFailure::Unknown(Box::new(error))),
                Attempt::Refused(error) => return Err(error),
                Attempt::Undone(error) => error,
                Attempt::Lost(error) => {
                    lost = true;
                    error
                }
            };
            match pauses.next() {
                // Time is up, for looking too.
                _ if matches!(error, BucketFailure::NoAnswer) => return Err(BucketFailure::Unknown(Box::new(error))),
                Some(pause) => sleep(*pause).await,
                None if lost => return self.settle(error, location, &maker).await,
                None => return Err(error),
            }
        }
    }

    async fn put_new(&self, location: &Location, bytes: &Bytes, maker: &str) -> object_store::Result<()> {
        let mut options = PutOptions::from(PutMode::Create);
        options.attributes.insert(Attribute::Metadata(MAKER.into()), maker.to_owned().into());
        self.bucket.put_opts(location, bytes.clone().into(), options).await.map(drop)
    }

    /// What an attempt that was answered with an error has come to.
    async fn judge(&self, error: object_store::Error, location: &Location, maker: &str, lost: bool) -> Attempt {
        match kind(&error) {
            Kind::Exists => match self.maker_of(location).await {
                Ok(Some(found)) if found == maker => Attempt::Settled(Created::Created),
                Ok(Some(found)) if lost && found.is_empty() => Attempt::Refused(error.into()),
                Ok(Some(_)) => Attempt::Settled(Created::Exists),
                // Another request was in the way, and what it made, if anything, is gone.
                Ok(None) => Attempt::Undone(error.into()),
                Err(failure) => Attempt::Refused(failure),
            },
            Kind::Unreached => Attempt::Undone(error.into()),
            Kind::Lost => Attempt::Lost(error.into()),
            Kind::Absent | Kind::Denied | Kind::Full | Kind::Other => Attempt::Refused(error.into()),
        }
    }

    /// What became of attempts of which the last went unanswered.
    async fn settle(&self, error: BucketFailure, location: &Location, maker: &str) -> Result<Created, BucketFailure> {
        match self.maker_of(location).await {
            Ok(Some(found)) if found == maker => Ok(Created::Created),
            Ok(Some(found)) if !found.is_empty() => Ok(Created::Exists),
            _ => Err(BucketFailure::Unknown(Box::new(error))),
        }
    }

    /// The maker of the object, empty where it has none; `None` without the object.
    async fn maker_of(&self, location: &Location) -> Result<Option<String>, BucketFailure> {
        let look = || self.bucket.get_opts(location, GetOptions::new().with_head(true));
        match ask(0, look).await {
            Ok(found) => {
                let maker = found.attributes.get(&Attribute::Metadata(MAKER.into()));
                Ok(Some(maker.map(|maker| maker.to_string()).unwrap_or_default()))
            }
            Err(BucketFailure::Bucket(error)) if kind(&error) == Kind::Absent => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object. One that is not there is fine.
    async fn remove(&self, location: &Location) -> Result<(), BucketFailure> {
        match ask(0, || self.bucket.delete(location)).await {
            Err(BucketFailure::Bucket(error)) if kind(&error) == Kind::Absent => Ok(()),
            removed => removed,
        }
    }
}
