//! The store follows the log: in order, a byte prefix at all times, each generation whole when its cut is published.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hourglass_monitor::{Activity, Covered, Uploaded};
use log::Cut;
use schema::{Generation, Micros, MonitorId, Source};
use storage::layout::{self, DatedName};
use storage::{Created, FileStore, Key, Linked, Listed, Mode, Store, StoreError};
use support::{Bed, lines, message, soon, until};

/// A store that cannot link, and whose answers get lost, half of them after
/// the deed, which may be half done.
#[derive(Debug)]
struct Unreliable {
    inner: FileStore,
    calls: AtomicU64,
    /// One call in so many loses its answer; 0: none.
    loses: u64,
    /// What was to be created, in order.
    creates: Mutex<Vec<Key>>,
}

impl Unreliable {
    fn lost(&self, operation: &'static str, key: &Key) -> Option<(bool, StoreError)> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let lost = self.loses > 0 && call.is_multiple_of(self.loses);
        let error = StoreError::Unknown { operation, key: key.clone(), source: "no answer".into() };
        lost.then(|| ((call / self.loses).is_multiple_of(2), error))
    }
}

#[async_trait::async_trait]
impl Store for Unreliable {
    async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn list_folders(&self, prefix: &Key) -> Result<Vec<String>, StoreError> {
        self.inner.list_folders(prefix).await
    }

    async fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.inner.length(key).await
    }

    async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.inner.read(key).await
    }

    async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.inner.read_range(key, range).await
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, StoreError> {
        self.creates.lock().unwrap().push(key.clone());
        match self.lost("create", key) {
            Some((false, error)) => Err(error),
            Some((true, error)) => self.inner.create(key, bytes).await.and(Err(error)),
            None => self.inner.create(key, bytes).await,
        }
    }

    async fn append(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<(), StoreError> {
        match self.lost("append to", key) {
            Some((false, error)) => Err(error),
            Some((true, error)) => {
                let half = bytes.slice(..bytes.len() / 2);
                self.inner.append(key, expected, half).await.and(Err(error))
            }
            None => self.inner.append(key, expected, bytes).await,
        }
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.inner.replace(key, bytes).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn remove_temporaries(&self, age: Duration) -> Result<usize, StoreError> {
        self.inner.remove_temporaries(age).await
    }

    async fn link_from(&self, _local: &Path, _key: &Key) -> Result<Linked, StoreError> {
        Ok(Linked::Unsupported)
    }

    fn local_path(&self, _key: &Key) -> Option<PathBuf> {
        None
    }
}

fn unreliable(bed: &mut Bed, loses: u64) -> Arc<Unreliable> {
    let inner = FileStore::new(Arc::clone(&bed.disk), bed.folder().store());
    let store = Arc::new(Unreliable { inner, calls: AtomicU64::new(0), loses, creates: Mutex::default() });
    bed.store = Arc::clone(&store) as Arc<dyn Store>;
    store
}

fn source() -> Source {
    Source::Monitor(MonitorId::new("m1").unwrap())
}

/// The lines of generation `g`, as the store has them through its cut.
async fn generation(bed: &Bed, g: u64) -> Option<Vec<String>> {
    let key = layout::cut(&source(), Generation::new(g));
    let cut = Cut::open(&key, &bed.store.read(&key).await.ok()?).unwrap();
    let mut bytes = Vec::new();
    for file in &cut.files {
        let content = bed.store.read(&file.key).await.unwrap();
        assert_eq!(content.len() as u64, file.length);
        bytes.extend_from_slice(&content);
    }
    Some(String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_puts_every_message_in_exactly_one_generation() {
    for loses in [None, Some(0), Some(3)] {
        let mut bed = Bed::local();
        bed.options.upload_bytes = 10_000;
        bed.options.log_bytes = 30_000;
        if let Some(loses) = loses {
            unreliable(&mut bed, loses);
        }
        let running = bed.start().await;
        let mut client = running.client().await;
        client.hello("c").await;
        let mut cuts = Vec::new();
        for round in 0..10_u64 {
            client.send(lines("a", round * 500..round * 500 + 500)).await;
            cuts.push(running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap());
        }
        client.acked(5000).await;
        cuts.push(running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap());
        assert!(cuts.is_sorted());
        let open = running.monitor.progress().borrow().generation.get();
        let mut uploaded = running.monitor.uploaded();
        let last = Generation::new(open - 1);
        soon("the last cut", uploaded.wait_for(|uploaded| uploaded.cut == Some(last))).await.unwrap();

        let mut all = Vec::new();
        for g in 0..open {
            all.extend(generation(&bed, g).await.into_iter().flatten());
        }
        assert_eq!(all, (0..5000).map(|n| message("a", n)).collect::<Vec<_>>());
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_published_once_however_long_its_journal_stays() {
    let mut bed = Bed::local();
    let store = unreliable(&mut bed, 0);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    let mut uploaded = running.monitor.uploaded();
    for round in 0..5_u64 {
        client.send(lines("a", round * 10..round * 10 + 10)).await;
        client.acked(round * 10 + 10).await;
        running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap();
        let closed = Generation::new(running.monitor.progress().borrow().generation.get() - 1);
        soon("the cut", uploaded.wait_for(|uploaded| uploaded.cut == Some(closed))).await.unwrap();
    }
    running.stop().await.unwrap();
    let created = store.creates.lock().unwrap().clone();
    let cuts: Vec<&Key> = created.iter().filter(|key| key.is_below(&layout::cuts())).collect();
    assert_eq!(cuts.len(), 5, "{cuts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_file_is_a_prefix_in_the_store_and_goes_on_after_a_restart() {
    let mut bed = Bed::local();
    bed.options.upload_bytes = 1000;
    unreliable(&mut bed, 4);
    for round in 0..4_u64 {
        let running = bed.start().await;
        let mut client = running.client().await;
        client.hello("c").await;
        client.send(lines("a", round * 100..round * 100 + 100)).await;
        client.acked(round * 100 + 100).await;
        // Acks come before the progress is published.
        running.durable(round * 100 + 100).await;
        let durable = running.monitor.progress().borrow().durable;
        let mut uploaded = running.monitor.uploaded();
        soon("the upload", uploaded.wait_for(|uploaded| uploaded.position >= durable)).await.unwrap();
        running.stop().await.unwrap();
    }
    let mut stored = Vec::new();
    for listed in bed.store.list(&layout::master()).await.unwrap() {
        stored.extend_from_slice(&bed.store.read(&listed.key).await.unwrap());
    }
    assert_eq!(String::from_utf8(stored).unwrap(), lines("a", 0..400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_holds_more_than_was_committed_stops_the_intake() {
    let bed = Bed::local();
    let running = bed.start().await;
    let id = running.monitor.identity().id.clone();
    running.stop().await.unwrap();
    let date = Micros::new(support::NOW).unwrap().date();
    let key = layout::dated(date, &DatedName::Log { id, seq: 77 });
    bed.store.create(&key, Bytes::from_static(b"{}\n")).await.unwrap();

    let running = bed.start().await;
    until("the status to say why", || {
        bed.status().is_some_and(|status| {
            status.state == Activity::Blocked && status.reason.is_some_and(|reason| reason.contains("0000000077"))
        })
    })
    .await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_somebody_else_behind_what_was_uploaded_stop_the_intake() {
    let mut bed = Bed::local();
    unreliable(&mut bed, 0);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..100)).await;
    running.durable(100).await;
    let durable = running.monitor.progress().borrow().durable;
    let mut uploaded = running.monitor.uploaded();
    soon("the upload", uploaded.wait_for(|uploaded| uploaded.position >= durable)).await.unwrap();

    // As a machine would that runs with a copy of this data folder.
    let file = bed.store.list(&layout::master()).await.unwrap().remove(0);
    bed.store.append(&file.key, file.len, lines("b", 0..1).into()).await.unwrap();
    client.send(lines("a", 100..200)).await;
    let told = |reason: &str| reason.contains(file.key.name()) && reason.contains("copy");
    until("the status to say why", || {
        bed.status().is_some_and(|status| {
            status.state == Activity::Blocked && status.reason.is_some_and(|reason| told(&reason))
        })
    })
    .await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_cut_whose_generation_is_still_here_is_published_again() {
    let bed = Bed::local();
    two_generations(&bed).await;
    let running = bed.start().await;
    running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap();
    running.stop().await.unwrap();
    let lost = generation(&bed, 1).await;
    assert!(lost.is_some() && generation(&bed, 2).await.is_some());
    bed.store.delete(&layout::cut(&source(), Generation::new(1))).await.unwrap();

    let running = bed.start().await;
    let mut uploaded = running.monitor.uploaded();
    soon("the cuts", uploaded.wait_for(|uploaded| uploaded.cut == Some(Generation::new(2)))).await.unwrap();
    running.stop().await.unwrap();
    assert_eq!(generation(&bed, 1).await, lost);
}

/// Two generations, of which the second is open, in the store as far as they go there.
async fn two_generations(bed: &Bed) {
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..100)).await;
    client.acked(100).await;
    running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap();
    client.send(lines("a", 100..200)).await;
    client.acked(200).await;
    running.stop().await.unwrap();
}

/// Flips a byte in the middle of what the store has there.
async fn damage(bed: &Bed, key: &Key) {
    let mut bytes = bed.store.read(key).await.unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bed.store.replace(key, bytes.into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_holds_something_else_of_ours_stops_the_intake_by_name() {
    for whole in [true, false] {
        let mut bed = Bed::local();
        unreliable(&mut bed, 0);
        two_generations(&bed).await;
        let mut listed = bed.store.list(&layout::master()).await.unwrap();
        listed.sort_by(|one, other| one.key.cmp(&other.key));
        // The closed generation's cut never got there: its file is no more than a file yet.
        bed.store.delete(&layout::cut(&source(), Generation::new(1))).await.unwrap();
        let key = if whole { &listed.first().unwrap().key } else { &listed.last().unwrap().key };
        assert_eq!(listed.len(), 2);
        damage(&bed, key).await;

        let running = bed.start().await;
        let name = key.name();
        let told = |reason: &str| reason.contains(name) && reason.contains("CRC-32C");
        until("the status to say why", || {
            bed.status().is_some_and(|status| {
                status.state == Activity::Blocked && status.reason.is_some_and(|reason| told(&reason))
            })
        })
        .await;
        let cuts = bed.store.list(&layout::cuts_of(&source())).await.unwrap();
        assert!(cuts.is_empty(), "nothing is published on top of it");
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_lost_journal_is_refused_by_name_until_its_cut_is_in_the_store_and_not_read_after() {
    for (published, lost) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut bed = Bed::local();
        unreliable(&mut bed, 0);
        two_generations(&bed).await;
        if !published {
            bed.store.delete(&layout::cut(&source(), Generation::new(1))).await.unwrap();
        }
        let journal = bed.folder().journal(Generation::new(1));
        let mut bytes = bed.read(&journal);
        bytes[40] ^= 1;
        match lost {
            true => bed.disk.remove(&journal).unwrap(),
            false => bed.disk.open(&journal, Mode::Write).unwrap().write_at(&bytes, 0).unwrap(),
        }

        let running = bed.start().await;
        let mut client = running.client().await;
        client.hello("c").await;
        client.send(lines("a", 200..300)).await;
        client.acked(300).await;
        running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap();
        let mut uploaded = running.monitor.uploaded();
        let second = Generation::new(2);
        let settled = |uploaded: &Uploaded| uploaded.error.is_some() || uploaded.cut == Some(second);
        let now = soon("a cut or a refusal", uploaded.wait_for(settled)).await.unwrap().clone();
        assert_eq!(now.error.is_none(), published, "{:?}", now.error);
        let name = journal.file_name().unwrap().to_str().unwrap();
        assert!(now.error.is_none_or(|error| error.contains(name)));
        running.stop().await.unwrap();
        assert_eq!(generation(&bed, 2).await.is_some(), published, "no cut is published above one that is missing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_of_ours_that_is_not_ours_stops_the_intake_by_name() {
    let bed = Bed::local();
    two_generations(&bed).await;
    let key = layout::cut(&source(), Generation::new(1));
    damage(&bed, &key).await;
    let running = bed.start().await;
    until("the status to say why", || {
        bed.status().is_some_and(|status| {
            status.state == Activity::Blocked && status.reason.is_some_and(|reason| reason.contains(key.as_str()))
        })
    })
    .await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_rotate_by_themselves_and_a_restart_counts_on() {
    let mut bed = Bed::local();
    bed.options.realtime_rows = 100;
    let row = |n: u64| {
        let minute = support::NOW / 1000 - n as i64 * 60_000;
        message("a", 0).replace(&(support::NOW / 1000).to_string(), &minute.to_string()) + "\n"
    };
    let running = bed.start().await;
    let first = running.monitor.progress().borrow().generation;
    let mut client = running.client().await;
    client.hello("c").await;
    let once: String = (0..60).map(row).collect();
    client.send(once.repeat(3)).await;
    client.acked(180).await;
    drop(client);
    running.stop().await.unwrap();

    let running = bed.start().await;
    assert_eq!(running.monitor.progress().borrow().rows, 60);
    assert_eq!(running.monitor.progress().borrow().generation, first);
    let mut client = running.client().await;
    client.hello("c").await;
    client.send((60..100).map(row).collect::<String>()).await;
    let mut progress = running.monitor.progress();
    soon("the rotation", progress.wait_for(|progress| progress.generation == first.next())).await.unwrap();
    assert_eq!(running.monitor.progress().borrow().rows, 0);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manifest_covers_goes_after_the_grace_and_not_before() {
    let mut bed = Bed::local();
    bed.options.views_grace = Duration::from_secs(600);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..100)).await;
    client.acked(100).await;
    let generation = running.monitor.progress().borrow().generation;
    let cut = running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap();
    client.send(lines("a", 100..200)).await;
    client.acked(200).await;
    let mut uploaded = running.monitor.uploaded();
    soon("the cut", uploaded.wait_for(|uploaded| uploaded.cut == Some(generation))).await.unwrap();

    let journal = bed.folder().journal(generation);
    let exists = |path: &Path| bed.disk.length(path).unwrap().is_some();
    *bed.covered.lock() = Some(Covered { generation, cut });
    // Many rounds pass, and no time.
    for _ in 0..3 {
        soon("a round", uploaded.changed()).await.unwrap();
    }
    assert!(exists(&journal));
    bed.clock.advance(601_000_000);
    until("the journal to go", || !exists(&journal)).await;
    until("the queue to go", || !exists(&bed.folder().queue(generation))).await;
    until("the log to go", || bed.log() == (100..200).map(|n| message("a", n)).collect::<Vec<_>>()).await;
    assert_eq!(self::generation(&bed, generation.get()).await.unwrap().len(), 100, "the store keeps it");
    running.stop().await.unwrap();

    let running = bed.start().await;
    assert_eq!(running.client().await.hello("c").await.resume, 200);
    running.stop().await.unwrap();
}
