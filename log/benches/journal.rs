//! What a commit, a rotation, reading a journal and recovering from it cost: `cargo bench -p hourglass-log`.
//!
//! A commit writes log and journal and syncs both: on the local disk (the temporary folder's) that is the disk's own
//! cost; on the simulated one, which is memory, what is left is ours: the record encoded, checksums, bookkeeping. What
//! a journal opens with is a snapshot of every client: a rotation encodes it, reading an empty generation decodes it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use hourglass_log::{Batch, ClientCount, Identity, Options, Snapshot, Writer};
use schema::{ClientId, Date, Incarnation, Metrics, Micros, MonitorId, ServiceName};
use storage::layout::DataFolder;
use storage::{Disk, LocalDisk, SimDisk};

const NOW: Micros = Micros::MIN;
const LINE: &str = r#"{"serviceName":"checkout","Timestamp":1763715600123,"CPU":0.43,"RAM":{"Total":16.0,"Free":7.2},"Disk":{"Total":512.0,"Free":100.1}}"#;
const RECORDS: u64 = 1000;

fn main() {
    divan::main();
}

/// Messages in one commit.
#[divan::bench(args = [1, 50, 5000], max_time = 2)]
fn commit_on_the_local_disk(bencher: Bencher<'_, '_>, messages: u64) {
    let folder = tempfile::tempdir().unwrap();
    commit(bencher, Log::open(Arc::new(LocalDisk::new()), folder.path()), messages);
}

/// Messages in one commit.
#[divan::bench(args = [1, 50, 5000], max_time = 1)]
fn commit_in_memory(bencher: Bencher<'_, '_>, messages: u64) {
    commit(bencher, Log::simulated(), messages);
}

/// Acking clients in the snapshot that the new journal opens with.
#[divan::bench(args = [1, 10_000], max_time = 1)]
fn rotation_in_memory(bencher: Bencher<'_, '_>, clients: usize) {
    let mut log = Log::with_clients(clients);
    bencher.counter(ItemsCount::new(clients)).bench_local(|| log.writer.rotate(NOW).unwrap());
}

/// Acking clients in the snapshot.
#[divan::bench(args = [1, 10_000], max_time = 1)]
fn opening_read(bencher: Bencher<'_, '_>, clients: usize) {
    let mut log = Log::with_clients(clients);
    let retired = log.folder.journal(log.writer.state().generation());
    log.writer.rotate(NOW).unwrap();
    log.disk.remove(&retired).unwrap();
    bencher.counter(ItemsCount::new(clients)).bench_local(|| black_box(log.read()));
}

#[divan::bench(max_time = 1)]
fn a_thousand_records_read(bencher: Bencher<'_, '_>) {
    let log = Log::with_records();
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| black_box(log.read()));
}

#[divan::bench(max_time = 1)]
fn a_thousand_records_recovered(bencher: Bencher<'_, '_>) {
    let log = Log::with_records();
    let Log { disk, folder, .. } = log;
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| black_box(writer(&disk, &folder)));
}

fn commit(bencher: Bencher<'_, '_>, mut log: Log, messages: u64) {
    let bytes = BytesCount::new((LINE.len() + 1) * messages as usize);
    bencher.counter(ItemsCount::new(messages)).counter(bytes).bench_local(|| log.commit(messages));
}

/// A monitor's log, open.
struct Log {
    disk: Arc<dyn Disk>,
    folder: DataFolder,
    writer: Writer,
    batch: Batch,
    client: ClientId,
}

impl Log {
    fn open(disk: Arc<dyn Disk>, data: &Path) -> Self {
        let folder = DataFolder::new(data);
        let writer = writer(&disk, &folder);
        Self { disk, folder, writer, batch: Batch::new(), client: client(0) }
    }

    fn simulated() -> Self {
        Self::open(Arc::new(SimDisk::new(1)), Path::new("/data"))
    }

    fn with_clients(clients: usize) -> Self {
        let mut log = Self::simulated();
        let count = ClientCount { consumed: 1, rejected: 0 };
        log.batch.clients = (0..clients).map(|n| (client(n), count)).collect();
        log.writer.commit(&log.batch, NOW.date()).unwrap();
        log
    }

    fn with_records() -> Self {
        let mut log = Self::simulated();
        (0..RECORDS).for_each(|_| log.commit(1));
        log
    }

    /// Commits so many messages of one acking client.
    fn commit(&mut self, messages: u64) {
        let Self { batch, client, writer, .. } = self;
        if batch.messages != messages {
            batch.log = format!("{LINE}\n").repeat(messages as usize).into_bytes();
            (batch.messages, batch.least, batch.greatest) = (messages, NOW, NOW);
            batch.services = vec![ServiceName::new("checkout").unwrap()];
        }
        let consumed = writer.state().messages() + messages;
        batch.clients = vec![(client.clone(), ClientCount { consumed, rejected: 0 })];
        writer.commit(batch, Date::new(20_000).unwrap()).unwrap();
    }

    fn read(&self) -> Snapshot {
        Snapshot::read(&*self.disk, &self.folder, None).unwrap().unwrap()
    }
}

fn writer(disk: &Arc<dyn Disk>, folder: &DataFolder) -> Writer {
    let id = MonitorId::new("bench").unwrap();
    let identity = Identity::establish(&**disk, folder, &id, Incarnation::new(7)).unwrap();
    let options = Options { log_bytes: 1 << 30, metrics: Metrics::default() };
    Writer::open(Arc::clone(disk), folder.clone(), &identity, options, NOW).unwrap().0
}

fn client(number: usize) -> ClientId {
    ClientId::new(&format!("client-{number}")).unwrap()
}
