//! A town: two monitors with data folders of their own, one store, and every
//! message that was ever accepted, to count by brute force.

mod messages;
mod model;

use std::path::PathBuf;
use std::sync::Arc;

use log::{Batch, Cut, Identity, Snapshot, Writer};
use schema::{Generation, ImportHash, Incarnation, Metrics, MonitorId, Position, Source, queue_row};
use serde_json::json;
use storage::layout::{self, DataFolder, DatedName};
use storage::{Clock, Created, Disk, FileStore, ManualClock, SimDisk, Store, sealed};
use views::{BuildOptions, Reader, Refresher, rebuild};

pub(crate) use messages::{MINUTE, Sent, TODAY, messages, micros};
pub(crate) use model::{count, rows};

/// Everything there is.
pub(crate) struct Town {
    pub(crate) disk: Arc<SimDisk>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) imports: Vec<Import>,
}

/// One monitor, its log, and what it accepted.
pub(crate) struct Monitor {
    pub(crate) id: MonitorId,
    pub(crate) folder: DataFolder,
    pub(crate) writer: Writer,
    pub(crate) refresher: Refresher,
    /// Each message with the positions it stands between.
    pub(crate) sent: Vec<(Position, Position, Sent)>,
    pub(crate) uploaded: Position,
    pub(crate) cuts: u64,
}

/// An import: what each of its cuts made count.
pub(crate) struct Import {
    pub(crate) hash: ImportHash,
    pub(crate) cuts: Vec<Vec<Sent>>,
}

impl Town {
    pub(crate) async fn new() -> Self {
        let disk = Arc::new(SimDisk::new(7));
        let store: Arc<dyn Store> = Arc::new(FileStore::new(disk.clone(), PathBuf::from("/store")));
        let clock = Arc::new(ManualClock::new(micros(TODAY)));
        let monitors = ["east", "west-1"].map(|id| Monitor::new(id, &disk, &store, &clock));
        for monitor in &monitors {
            let identity = Identity::read(&*disk, &monitor.folder).unwrap().unwrap();
            log::claim(&*store, &*disk, &monitor.folder, &identity, clock.now()).await.unwrap();
        }
        let import = |byte| Import { hash: ImportHash([byte; 32]), cuts: Vec::new() };
        Town { disk, store, clock, monitors: monitors.into(), imports: [1, 2].map(import).into() }
    }

    /// A reader on the machine of a monitor, or on one without.
    pub(crate) fn reader(&self, machine: Option<usize>) -> Reader {
        let reader = Reader::new(self.store.clone(), Metrics::default()).with_threads(2);
        match machine {
            Some(monitor) => reader.with_folder(self.disk.clone(), self.monitors[monitor].folder.clone()),
            None => reader,
        }
    }

    /// Commits messages; without `queue` their rows are not in the queue yet.
    pub(crate) fn commit(&mut self, monitor: usize, messages: &[Sent], queue: bool) {
        let today = self.clock.now().date();
        let monitor = &mut self.monitors[monitor];
        let mut batch = Batch::new();
        let mut ends = Vec::new();
        for sent in messages {
            let start = batch.log.len() as u64;
            batch.log.extend_from_slice(sent.line().as_bytes());
            queue_row::encode(&mut batch.queue, &sent.message());
            batch.messages += 1;
            batch.least = batch.least.min(sent.time);
            batch.greatest = batch.greatest.max(sent.time);
            ends.push((start, batch.log.len() as u64, sent.clone()));
        }
        let end = monitor.writer.commit(&batch, today).unwrap();
        let base = end.offset - batch.log.len() as u64;
        let position = |offset| Position::new(end.seq, base + offset);
        monitor.sent.extend(ends.into_iter().map(|(start, end, sent)| (position(start), position(end), sent)));
        if queue {
            monitor.writer.append_queue(&batch);
        }
    }

    pub(crate) fn rotate(&mut self, monitor: usize) {
        self.clock.advance(60 * MINUTE);
        let now = self.clock.now();
        self.monitors[monitor].writer.rotate(now).unwrap();
    }

    /// The monitor stops and starts again.
    pub(crate) fn restart(&mut self, monitor: usize) {
        let now = self.clock.now();
        let monitor = &mut self.monitors[monitor];
        let identity = Identity::read(&*self.disk, &monitor.folder).unwrap().unwrap();
        let folder = monitor.folder.clone();
        monitor.writer = Writer::open(self.disk.clone(), folder, &identity, options(), now).unwrap().0;
        monitor.refresher = refresher(&self.disk, &self.store, &monitor.folder);
    }

    /// Appends up to `bytes` of the log to the store, and publishes each cut
    /// whose files are there.
    pub(crate) async fn upload(&mut self, monitor: usize, bytes: u64) {
        let log = self.snapshot(monitor);
        let monitor = &mut self.monitors[monitor];
        let mut left = bytes;
        let from = monitor.uploaded.max(log.generations[0].start);
        for slice in log.slices(from..log.durable).unwrap() {
            let length = left.min(slice.bytes.end - slice.bytes.start);
            let mut bytes = vec![0; length as usize];
            let file = self.disk.open(&slice.path, storage::Mode::Read).unwrap();
            file.read_exact_at(&mut bytes, slice.bytes.start).unwrap();
            let key = layout::dated(slice.date, &DatedName::Log { id: log.id.clone(), seq: slice.seq });
            self.store.append(&key, slice.bytes.start, bytes.into()).await.unwrap();
            monitor.uploaded = Position::new(slice.seq, slice.bytes.start + length);
            left -= length;
            if length < slice.bytes.end - slice.bytes.start {
                break;
            }
        }
        for generation in &log.generations {
            if generation.generation.get() < monitor.cuts {
                continue;
            }
            if generation.closed.is_none() || generation.last.position > monitor.uploaded {
                break;
            }
            let cut = Cut::of_generation(&log, generation.generation).unwrap();
            let created = self.store.create(&cut.key(), cut.seal().unwrap().into()).await.unwrap();
            assert_eq!(created, Created::Created);
            monitor.cuts = generation.generation.get() + 1;
        }
    }

    pub(crate) fn snapshot(&self, monitor: usize) -> Snapshot {
        Snapshot::read(&*self.disk, &self.monitors[monitor].folder, None).unwrap().unwrap()
    }

    /// Adds an import of these messages, or withdraws it if it counts.
    pub(crate) async fn toggle_import(&mut self, which: usize, messages: &[Sent]) {
        let now = self.clock.now();
        let import = &mut self.imports[which];
        let generation = Generation::new(import.cuts.len() as u64);
        let withdrawn = import.cuts.len() % 2 == 1;
        let messages = if withdrawn { &[] } else { messages };
        let text: String = messages.iter().map(Sent::line).collect();
        let name = DatedName::Import { import: import.hash, attempt: generation.get() as u32, part: 0 };
        let key = layout::dated(now.date(), &name);
        let mut files = Vec::new();
        if !messages.is_empty() {
            files.push(json!({
                "key": key, "seq": 0, "date": now.date(), "length": text.len(),
                "crc32c": crc32c::crc32c(text.as_bytes()), "messages": messages.len(),
                "least": messages.iter().map(|sent| sent.time).min(),
                "greatest": messages.iter().map(|sent| sent.time).max(),
            }));
            self.store.create(&key, text.into()).await.unwrap();
        }
        let source = Source::Import(import.hash);
        let cut = json!({
            "version": 1, "source": source, "incarnation": null, "generation": generation, "tick": now,
            "position": "0:0", "withdrawn": withdrawn, "rejected": {}, "files": files,
        });
        let sealed = sealed::seal(&cut).unwrap();
        self.store.create(&layout::cut(&source, generation), sealed.into()).await.unwrap();
        import.cuts.push(messages.to_vec());
    }

    pub(crate) async fn rebuild(&self) {
        let options = BuildOptions {
            metrics: Metrics::default(),
            full: false,
            memory: 64 << 20,
            scratch: std::env::temp_dir(),
            threads: 1,
            check: true,
            progress: Arc::default(),
        };
        rebuild(self.store.clone(), self.clock.clone(), options).await.unwrap();
    }

    pub(crate) async fn refresh(&mut self, monitor: usize) {
        self.monitors[monitor].refresher.refresh().await.unwrap();
    }

    pub(crate) async fn publish_views(&mut self, monitor: usize) {
        let monitor = &mut self.monitors[monitor];
        monitor.refresher.publish(monitor.uploaded).await.unwrap();
    }

    /// Removes what is superseded, as the monitor does after a grace: realtime
    /// views, and everything local below the newest manifest's cut.
    pub(crate) async fn retire(&mut self, monitor: usize) {
        self.retire_views(monitor).await;
        let Some(manifest) = views::Manifest::newest(&*self.store).await.unwrap() else { return };
        let log = self.snapshot(monitor);
        let monitor = &self.monitors[monitor];
        let Some(covered) = manifest.monitor(&monitor.id) else { return };
        for generation in log.generations.iter().filter(|log| log.generation <= covered.generation) {
            for slice in log.slices(generation.start..generation.last.position).unwrap() {
                self.disk.remove(&slice.path).unwrap();
            }
            self.disk.remove(&monitor.folder.queue(generation.generation)).unwrap();
            self.disk.remove(&monitor.folder.journal(generation.generation)).unwrap();
        }
    }

    /// No view stays that another of its generation contains, here or in the store.
    async fn retire_views(&self, monitor: usize) {
        for path in contained(self.realtime_views(monitor), |path| path.file_name().unwrap().to_str().unwrap()) {
            self.disk.remove(&path).unwrap();
        }
        for key in contained(self.stored_views(monitor).await, |key| key.name()) {
            self.store.delete(&key).await.unwrap();
        }
    }

    /// Realtime views of a monitor in the store.
    pub(crate) async fn stored_views(&self, monitor: usize) -> Vec<storage::Key> {
        let listed = self.store.list(&layout::realtime_of_monitor(&self.monitors[monitor].id)).await.unwrap();
        listed.into_iter().map(|listed| listed.key).collect()
    }

    /// Files of this machine's realtime folder or of the store's.
    pub(crate) fn realtime_views(&self, monitor: usize) -> Vec<PathBuf> {
        let folder = self.monitors[monitor].folder.realtime_views();
        let entries = self.disk.list(&folder).unwrap_or_default();
        entries.into_iter().map(|entry| folder.join(entry.name)).collect()
    }

    /// Loses all of a machine's realtime views.
    pub(crate) fn lose_views(&self, monitor: usize) {
        self.realtime_views(monitor).iter().for_each(|path| self.disk.remove(path).unwrap());
    }

    /// Flips a bit somewhere in a file of the disk.
    pub(crate) fn damage(&self, path: &std::path::Path, at: u64) {
        let file = self.disk.open(path, storage::Mode::Write).unwrap();
        let at = at % file.len().unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_at(&[byte[0] ^ 0x20], at).unwrap();
    }
}

impl Monitor {
    fn new(id: &str, disk: &Arc<SimDisk>, store: &Arc<dyn Store>, clock: &Arc<ManualClock>) -> Self {
        let folder = DataFolder::new(format!("/{id}"));
        let id = MonitorId::new(id).unwrap();
        let identity = Identity::establish(&**disk, &folder, &id, Incarnation::new(id.len() as u64)).unwrap();
        let (writer, _) = Writer::open(disk.clone(), folder.clone(), &identity, options(), clock.now()).unwrap();
        let refresher = refresher(disk, store, &folder);
        let (uploaded, cuts) = (writer.state().start(), writer.state().generation().get());
        Monitor { id, folder, writer, refresher, sent: Vec::new(), uploaded, cuts }
    }
}

fn options() -> log::Options {
    log::Options { log_bytes: 2000, metrics: Metrics::default() }
}

fn refresher(disk: &Arc<SimDisk>, store: &Arc<dyn Store>, folder: &DataFolder) -> Refresher {
    let reader = Reader::new(store.clone(), Metrics::default()).with_folder(disk.clone(), folder.clone());
    Refresher::new(reader)
}

/// Those of these realtime views that another contains.
fn contained<T: Clone>(views: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
    let parse = |view: &T| layout::RealtimeName::parse(name(view)).unwrap();
    let within = |inner: &layout::RealtimeName, outer: &layout::RealtimeName| {
        inner != outer && inner.generation == outer.generation && outer.from <= inner.from && inner.to <= outer.to
    };
    let names: Vec<_> = views.iter().map(parse).collect();
    views.into_iter().filter(|view| names.iter().any(|outer| within(&parse(view), outer))).collect()
}
