//! `ack.after = store`: an ack follows the bytes being durable in the store, and a look for the fence that found none.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::future::Future;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hourglass_monitor::{AckAfter, Activity, MonitorError, Submission, Why};
use log::seal::{Final, seal};
use schema::{ClientId, Metrics, Micros, MonitorId, ServerFrame};
use storage::layout::{self, DatedName};
use storage::{Created, FileStore, Key, Linked, Listed, SimDisk, Store, StoreError};
use support::{Bed, Client, lines, message, soon, until};
use tokio::sync::watch;

/// A store whose appends can be held on their way, or refused.
#[derive(Debug)]
struct Gated {
    inner: FileStore,
    gate: watch::Sender<Gate>,
    /// How many appends it has held.
    held: watch::Sender<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Held,
    Broken,
    /// Appending panics, as a library may.
    Panicking,
}

#[async_trait::async_trait]
impl Store for Gated {
    async fn append(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<(), StoreError> {
        if *self.gate.borrow() == Gate::Held {
            self.held.send_modify(|held| *held += 1);
        }
        let now = *self.gate.subscribe().wait_for(|gate| *gate != Gate::Held).await.unwrap();
        assert!(now != Gate::Panicking, "as asked");
        if now == Gate::Broken {
            return Err(StoreError::Unknown { operation: "append to", key: key.clone(), source: "away".into() });
        }
        self.inner.append(key, expected, bytes).await
    }

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
        self.inner.create(key, bytes).await
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

impl Gated {
    fn set(&self, gate: Gate) {
        self.gate.send_replace(gate);
    }

    /// Closes the gate; what is awaited is an append held there.
    fn hold(&self) -> impl Future<Output = ()> {
        let mut held = self.held.subscribe();
        let before = *held.borrow();
        self.set(Gate::Held);
        async move {
            soon("an append", held.wait_for(|held| *held > before)).await.unwrap();
        }
    }

    /// Seals m1, as from another machine.
    async fn seal(&self) -> Final {
        let now = Micros::new(support::NOW).unwrap();
        seal(&self.inner, &MonitorId::new("m1").unwrap(), &Metrics::default(), now).await.unwrap()
    }

    /// Every line of the log in the store, and the number of the last file.
    async fn stored(&self) -> (Vec<String>, u64) {
        let mut listed = self.inner.list(&layout::master()).await.unwrap();
        listed.sort_by(|one, other| one.key.cmp(&other.key));
        let (mut lines, mut last) = (Vec::new(), 0);
        for file in listed {
            let Some((_, DatedName::Log { seq, .. })) = layout::parse_dated(&file.key) else { continue };
            last = last.max(seq);
            let bytes = self.inner.read(&file.key).await.unwrap();
            lines.extend(String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned));
        }
        (lines, last)
    }
}

/// A monitor that acks after the store, behind a gate.
fn gated(gate: Gate) -> (Bed, Arc<Gated>) {
    let mut bed = Bed::local();
    bed.options.ack_after = AckAfter::Store;
    let inner = FileStore::new(Arc::clone(&bed.disk), bed.folder().store());
    let store = Arc::new(Gated { inner, gate: watch::Sender::new(gate), held: watch::Sender::new(0) });
    bed.store = Arc::clone(&store) as Arc<dyn Store>;
    (bed, store)
}

/// Asserts that nothing is said to the client as long as anybody would have taken to say it.
async fn assert_silent(client: &mut Client) {
    let said = tokio::time::timeout(Duration::from_millis(100), client.frame()).await;
    assert!(said.is_err(), "{said:?}");
}

/// The frames until the monitor says that it was sealed.
async fn frames_until_sealed(client: &mut Client) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    loop {
        match client.frame().await {
            ServerFrame::Sealed(reason) => {
                assert!(reason.contains("m1 was sealed"), "{reason}");
                return frames;
            }
            frame => frames.push(frame),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_before_the_store_has_it() {
    let (bed, store) = gated(Gate::Open);
    let running = bed.start().await;
    let mut client = running.client().await;
    assert_eq!(client.hello("c").await.resume, 0);
    let held = store.hold();
    client.send(lines("a", 0..9) + "no message\n").await;
    running.durable(9).await;
    held.await;
    assert_silent(&mut client).await;
    store.set(Gate::Broken);
    assert_silent(&mut client).await;
    store.set(Gate::Open);
    assert_eq!(client.acked(10).await.len(), 1, "the report comes with the ack");
    assert_eq!(store.stored().await.0.len(), 9);
    // Lines that leave nothing to upload are acknowledged too.
    client.send("no message\n").await;
    client.acked(11).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_answered_once_the_store_has_it() {
    for key in [None, Some((ClientId::new("c").unwrap(), NonZeroU64::MIN))] {
        let (mut bed, store) = gated(Gate::Open);
        // An answer does not wait for the next regular round.
        bed.options.upload_every = Duration::from_secs(3600);
        let running = bed.start().await;
        let submitter = running.monitor.submitter();
        let submission = |text: String| {
            let (key, lines) = (key.clone(), Box::new(std::io::Cursor::new(text)));
            Submission { peer: ([127, 0, 0, 1], 9).into(), grant: None, key, lines }
        };
        let held = store.hold();
        let mut submitting = Box::pin(submitter.submit(submission(lines("a", 0..9))));
        let early = tokio::time::timeout(Duration::from_millis(300), &mut submitting).await;
        assert!(early.is_err(), "{early:?}");
        soon("an append", held).await;
        store.set(Gate::Open);
        assert_eq!(soon("an answer", submitting).await.unwrap().messages, 9);
        assert_eq!(store.stored().await.0.len(), 9);
        // Lines that leave nothing to upload are answered too.
        soon("an answer", submitter.submit(submission("no message\n\n".to_owned()))).await.unwrap();

        let held = store.hold();
        let submitting = submitter.submit(submission(lines("a", 0..20)));
        let sealing = async {
            soon("an append", held).await;
            store.seal().await;
            store.set(Gate::Open);
        };
        let refused = tokio::join!(submitting, sealing).0.unwrap_err();
        assert!(matches!(refused.why, Why::Sealed { .. }), "{refused:?}");
        assert!(matches!(running.monitor.wait().await, Err(MonitorError::Sealed { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploader_that_panics_ends_the_monitor() {
    let (bed, store) = gated(Gate::Open);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    store.set(Gate::Panicking);
    client.send(lines("a", 0..9)).await;
    let error = soon("the end", running.monitor.wait()).await.unwrap_err();
    assert!(matches!(error, MonitorError::Task { task: "upkeep", .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acks_follow_the_log_through_rotations_and_the_end() {
    let (mut bed, store) = gated(Gate::Open);
    bed.options.log_bytes = 30_000;
    // Acks do not wait for the next regular round.
    bed.options.upload_every = Duration::from_secs(3600);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    for round in 0..5 {
        client.send(lines("a", round * 100..round * 100 + 100)).await;
        running.monitor.rotate(Micros::new(support::NOW).unwrap()).await.unwrap();
        client.acked((round + 1) * 100).await;
        assert_eq!(store.stored().await.0.len() as u64, (round + 1) * 100);
    }
    client.send(lines("a", 500..1000)).await;
    running.stop.cancel();
    client.acked(1000).await;
    running.stop().await.unwrap();
    assert_eq!(store.stored().await.0, (0..1000).map(|n| message("a", n)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_between_append_and_ack_ends_the_monitor_and_tells_its_clients() {
    let (mut bed, store) = gated(Gate::Open);
    // The round that brings the lines is the one that would acknowledge them.
    bed.options.upload_every = Duration::from_secs(3600);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..10)).await;
    client.acked(10).await;
    let mut plain = running.client().await;
    plain.send("{").await;

    let held = store.hold();
    client.send(lines("a", 10..20)).await;
    held.await;
    let ended = store.seal().await;
    store.set(Gate::Open);
    assert_eq!(frames_until_sealed(&mut client).await, [], "no ack behind a fence");
    assert_eq!(frames_until_sealed(&mut plain).await, []);
    let error = soon("the end", running.monitor.wait()).await.unwrap_err();
    assert!(matches!(error, MonitorError::Sealed { .. }), "{error}");
    assert_eq!(ended.seq, store.stored().await.1 + 2, "room for the file that may have been on its way");
    let status = bed.status().unwrap();
    assert_eq!((status.state, status.ack_after), (Activity::Stopped, AckAfter::Store));
    assert!(status.reason.unwrap().contains("sealed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_monitor_begins_no_file_behind_the_one_on_its_way() {
    let (mut bed, store) = gated(Gate::Broken);
    bed.options.ack_after = AckAfter::Local;
    bed.options.log_bytes = 500;
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    // Several files of one generation lie ready when the first append comes through.
    for round in 0..4 {
        client.send(lines("a", round * 10..round * 10 + 10)).await;
        client.acked((round + 1) * 10).await;
    }
    running.durable(40).await;
    assert!(running.monitor.progress().borrow().durable.seq >= 4);
    store.hold().await;
    let ended = store.seal().await;
    store.set(Gate::Open);
    let error = soon("the end", running.monitor.wait()).await.unwrap_err();
    assert!(matches!(error, MonitorError::Sealed { .. }), "{error}");
    let (_, last) = store.stored().await;
    assert!(last < ended.seq, "file {last} is where the next incarnation begins, at {}", ended.seq);
    assert_eq!(last, 1, "what was on its way came, and nothing after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_says_where_to_resume_once_the_store_has_all_before() {
    let (bed, store) = gated(Gate::Broken);
    let running = bed.start().await;
    let mut client = running.client().await;
    client.hello("c").await;
    client.send(lines("a", 0..10)).await;
    running.durable(10).await;
    running.stop().await.unwrap();
    assert_eq!(client.rest().await, b"", "the store was away to the end");

    let held = store.hold();
    let running = bed.start().await;
    let mut client = running.client().await;
    client.say_hello("c").await;
    held.await;
    assert_silent(&mut client).await;
    store.set(Gate::Open);
    match client.frame().await {
        ServerFrame::Welcome(welcome) => assert_eq!(welcome.resume, 10),
        other => panic!("{other:?} instead of a welcome"),
    }
    assert_eq!(store.stored().await.0.len(), 10);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_way_to_the_reserve_status_warns_until_the_store_is_back() {
    let sim = SimDisk::new(8);
    let mut bed = Bed::on(Arc::new(sim.clone()), "/data".into());
    bed.options.ack_after = AckAfter::Store;
    bed.options.disk_reserve = 1 << 20;
    let inner = FileStore::new(Arc::clone(&bed.disk), bed.folder().store());
    let store = Arc::new(Gated { inner, gate: watch::Sender::new(Gate::Broken), held: watch::Sender::new(0) });
    bed.store = Arc::clone(&store) as Arc<dyn Store>;
    sim.set_room(100 << 20);
    let running = bed.start().await;
    running.client().await.send(lines("a", 0..10_000)).await;
    running.durable(10_000).await;
    let warning = || bed.status().and_then(|status| status.warning);
    until("the room to show", || bed.status().is_some_and(|status| status.room.is_some_and(|room| room > 80 << 20)))
        .await;
    assert_eq!(warning(), None);
    sim.set_room(2 << 20);
    until("a warning", || warning().is_some_and(|warning| warning.contains("mend the store or make room"))).await;
    assert_eq!(bed.status().unwrap().state, Activity::Ingesting, "long before it stops reading");
    sim.set_room(100 << 20);
    store.set(Gate::Open);
    until("no warning", || warning().is_none()).await;
    running.stop().await.unwrap();
}
