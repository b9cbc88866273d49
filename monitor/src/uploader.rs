//! The uploader: brings the store up to what is durable here.
//!
//! Strictly in file order. A dated file in the store is at all times a byte
//! prefix of the committed local file, so what is to be done is seen from its
//! length there, and neither a crash nor a lost answer needs any bookkeeping:
//! after either, the length is asked for again. When all files of a generation
//! are whole in the store its cut is published; a cut once there is never
//! changed.
//!
//! Where the store can, a closed file is hard-linked into it, and an open one
//! left alone; elsewhere, and where acks wait for the store, files are appended
//! to as they grow.
//!
//! A round ends well only if the fence was looked for after its last append and
//! was not there. It is also looked for before a file is begun: whoever seals
//! this monitor leaves room for one more file, the one on its way at that moment.
//!
//! Before anything is written the store is looked through once ([`check`]).

mod check;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use log::{Cut, GenerationLog, JournalMark, LogError, LogPiece, Snapshot};
use schema::{Date, Generation, Incarnation, Micros, MonitorId, Position, Source};
use storage::layout::{self, DataFolder, DatedName};
use storage::{Created, Disk, Key, Linked, Mode, Store, StoreError};

/// How far the store is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Everything below is in the store.
    pub position: Position,
    /// The newest generation whose cut is published.
    pub cut: Option<Generation>,
    /// Committed bytes that the store is to have and lacked after the last
    /// attempt.
    pub lag: u64,
    /// Since when it has lacked any.
    pub behind_since: Option<Micros>,
    /// What went wrong with the last attempt.
    pub error: Option<String>,
}

/// Why the store could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// It may pass.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The local half.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The local half.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
    /// It does not pass.
    #[error(
        "the store has {key} with {found}, this monitor has committed {committed}; \
         the store belongs to another data folder, a copy of this one writes to it too, or this disk has lost data"
    )]
    Ahead { key: Key, found: String, committed: String },
    /// It does not pass either.
    #[error(
        "monitor {id} was sealed: its log has ended in the store, and another machine may have its id; \
         what it had not uploaded is in its data folder"
    )]
    Fenced { id: MonitorId },
}

/// The two sides between which files move, and whose they are.
#[derive(Debug, Clone)]
pub(crate) struct Sides {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: DataFolder,
    pub(crate) id: MonitorId,
    pub(crate) incarnation: Incarnation,
    /// Which of that name's incarnations.
    pub(crate) k: u64,
}

/// The uploader's state. One task owns it.
#[derive(Debug)]
pub(crate) struct Uploader {
    sides: Sides,
    /// `upload.bytes`: how much is appended at a time.
    bytes: u64,
    /// Whether closed files are linked instead; until the store says no.
    links: bool,
    checked: bool,
    mark: Option<JournalMark>,
    /// Closed generations whose cut is not published yet.
    closed: VecDeque<Cut>,
    /// The open generation's files.
    open: Vec<OpenFile>,
    uploaded: Uploaded,
    cuts_published: u64,
}

/// A log file of the open generation.
#[derive(Debug, Clone, Copy)]
struct OpenFile {
    seq: u64,
    date: Date,
    length: u64,
    /// Whether it is still being written.
    grows: bool,
}

impl Uploader {
    /// An uploader that has not looked yet. With `acks` open files are brought
    /// up to date too, so nothing is linked.
    pub(crate) fn new(sides: Sides, bytes: u64, acks: bool) -> Self {
        // A store with paths on this machine can most often be linked into.
        let links = !acks && sides.store.local_path(&layout::store()).is_some();
        Self {
            sides,
            bytes: bytes.max(1),
            links,
            checked: false,
            mark: None,
            closed: VecDeque::new(),
            open: Vec::new(),
            uploaded: Uploaded::default(),
            cuts_published: 0,
        }
    }

    /// How far the store is.
    pub(crate) fn uploaded(&self) -> &Uploaded {
        &self.uploaded
    }

    /// Closed generations whose cut is not published.
    pub(crate) fn cuts_waiting(&self) -> usize {
        self.closed.len()
    }

    /// Cuts published since the start.
    pub(crate) fn cuts_published(&self) -> u64 {
        self.cuts_published
    }

    /// Committed bytes that the store lacks. Where files are linked an open one
    /// is not to be there yet.
    pub(crate) fn lag(&self) -> u64 {
        let closed = self.closed.iter().flat_map(|cut| &cut.files).map(|file| (file.seq, file.length));
        let open = self.open.iter().filter(|file| !(file.grows && self.links)).map(|file| (file.seq, file.length));
        let lacking = |(seq, length): (u64, u64)| {
            let uploaded = self.uploaded.position;
            if seq < uploaded.seq {
                0
            } else if seq == uploaded.seq {
                length.saturating_sub(uploaded.offset)
            } else {
                length
            }
        };
        closed.chain(open).map(lacking).sum()
    }

    /// Brings the store up to date with what is durable when it begins. After an error it can be called again.
    pub(crate) async fn round(&mut self) -> Result<(), UploadError> {
        self.look().await?;
        self.find_fence().await?;
        if !self.checked {
            self.check().await?;
            self.checked = true;
        }
        while let Some(cut) = self.closed.front().cloned() {
            for file in &cut.files {
                self.upload_closed(file.seq, file.date, file.length).await?;
            }
            self.find_fence().await?;
            self.publish(&cut).await?;
            self.closed.pop_front();
        }
        for file in self.open.clone() {
            match file.grows {
                true if self.links => {}
                true => self.append(file.seq, file.date, file.length).await?,
                false => self.upload_closed(file.seq, file.date, file.length).await?,
            }
        }
        self.find_fence().await
    }

    /// Stops at the fence of who sealed this incarnation.
    async fn find_fence(&self) -> Result<(), UploadError> {
        let Sides { store, id, k, .. } = &self.sides;
        if log::seal::is_fenced(&**store, id, *k).await? {
            return Err(UploadError::Fenced { id: id.clone() });
        }
        Ok(())
    }

    /// Sees what is new in the log. The reading syncs, so it keeps off the
    /// threads that serve connections.
    async fn look(&mut self) -> Result<(), UploadError> {
        let (disk, folder, mark) = (Arc::clone(&self.sides.disk), self.sides.folder.clone(), self.mark);
        let read = tokio::task::spawn_blocking(move || Snapshot::read(&*disk, &folder, mark.as_ref()));
        let Some(snapshot) = read.await.map_err(std::io::Error::other)?? else { return Ok(()) };
        if let Some((generation, refusal)) = snapshot.below()
            && self.lacks(generation).await?
        {
            return Err(refusal.into());
        }
        // The log shows closed generations until they retire: those below the one that was open are among ours.
        let seen = |generation: &GenerationLog| mark.is_some_and(|mark| generation.generation < mark.generation);
        for generation in snapshot.generations.iter().filter(|generation| !seen(generation)) {
            if let Some(cut) = Cut::of_generation(&snapshot, generation.generation) {
                self.closed.push_back(cut);
                self.open.clear();
            } else {
                self.extend_open(&generation.pieces, snapshot.durable.seq);
            }
            self.mark = Some(generation.last);
        }
        Ok(())
    }

    /// Whether neither we nor the store have the cut of `generation` yet.
    async fn lacks(&self, generation: Generation) -> Result<bool, UploadError> {
        let seen = self.mark.is_some_and(|mark| mark.generation > generation);
        let cut = layout::cut(&Source::Monitor(self.sides.id.clone()), generation);
        Ok(!seen && self.sides.store.length(&cut).await?.is_none())
    }

    fn extend_open(&mut self, pieces: &[LogPiece], current: u64) {
        for piece in pieces {
            match self.open.last_mut() {
                Some(file) if file.seq == piece.seq => file.length = piece.bytes.end,
                _ => {
                    self.open.push(OpenFile { seq: piece.seq, date: piece.date, length: piece.bytes.end, grows: true })
                }
            }
        }
        for file in &mut self.open {
            file.grows = file.seq >= current;
        }
    }

    /// Brings a file that will not change any more into the store, whole, for all to read.
    async fn upload_closed(&mut self, seq: u64, date: Date, length: u64) -> Result<(), UploadError> {
        if !self.link(seq, date, length).await? {
            self.append(seq, date, length).await?;
        }
        Ok(self.sides.store.close(&self.key(seq, date)).await?)
    }

    /// Links such a file into the store, where that can be and is still to be done; whether it did.
    async fn link(&mut self, seq: u64, date: Date, length: u64) -> Result<bool, UploadError> {
        let end = Position::new(seq, length);
        let local = self.sides.folder.log_file(date, &self.sides.id, seq);
        // A tail that was never committed must not come along.
        if self.uploaded.position >= end || !self.links || self.sides.disk.length(&local)? != Some(length) {
            return Ok(false);
        }
        match self.sides.store.link_from(&local, &self.key(seq, date)).await? {
            Linked::Linked => {
                self.uploaded.position = end;
                self.find_fence().await?;
                return Ok(true);
            }
            Linked::Exists => {}
            Linked::Unsupported => self.links = false,
        }
        Ok(false)
    }

    /// Lets everybody read what the store has of each file here. The last one may grow again.
    pub(crate) async fn close(&self) -> Result<(), UploadError> {
        for file in self.committed() {
            self.sides.store.close(&self.key(file.seq, file.date)).await?;
        }
        Ok(())
    }

    /// Appends what the store lacks of a file, up to `length`.
    async fn append(&mut self, seq: u64, date: Date, length: u64) -> Result<(), UploadError> {
        let end = Position::new(seq, length);
        if self.uploaded.position >= end {
            return Ok(());
        }
        let key = self.key(seq, date);
        let mut ours = if self.uploaded.position.seq == seq { self.uploaded.position.offset } else { 0 };
        let mut stored = self.sides.store.length(&key).await?.unwrap_or(0);
        if stored != ours {
            stored = self.settle(&key, stored).await?;
        }
        // Also where nothing is lacking: an append settles what an interrupted one left, and only then it is durable.
        loop {
            if stored > length {
                return Err(check::ahead(key, format!("{stored} bytes"), length.to_string()));
            }
            self.compare_news(seq, date, ours..stored).await?;
            let to = length.min(stored + self.bytes);
            let bytes = self.local(seq, date, stored, to)?;
            match self.sides.store.append(&key, stored, bytes).await {
                Ok(()) => (ours, stored) = (to, to),
                Err(StoreError::WrongLength { found, .. }) if found > stored => {
                    (ours, stored) = (stored, found);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            // One append may be on its way when the fence comes, never two: sealing reckons with that.
            self.find_fence().await?;
            if stored == length {
                break;
            }
        }
        self.uploaded.position = end;
        Ok(())
    }

    fn key(&self, seq: u64, date: Date) -> Key {
        layout::dated(date, &DatedName::Log { id: self.sides.id.clone(), seq })
    }

    fn local(&self, seq: u64, date: Date, from: u64, to: u64) -> std::io::Result<Bytes> {
        let file = self.sides.disk.open(&self.sides.folder.log_file(date, &self.sides.id, seq), Mode::Read)?;
        let mut bytes = vec![0; (to - from) as usize];
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes.into())
    }

    /// Publishes a cut whose files are all in the store.
    async fn publish(&mut self, cut: &Cut) -> Result<(), UploadError> {
        let key = cut.key();
        let bytes = Bytes::from(cut.seal()?);
        if self.sides.store.create(&key, bytes).await? == Created::Exists {
            self.compare_cut(cut).await?;
        }
        self.uploaded.cut = Some(cut.generation);
        self.uploaded.position = self.uploaded.position.max(cut.position);
        self.cuts_published += 1;
        tracing::info!(generation = %cut.generation, messages = cut.messages(), "cut published");
        Ok(())
    }
}
