//! The log of a monitor that is gone for good ends at the last whole line in the store, and its id goes on above.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use hourglass_log::{Batch, Cut, Identity, LogError, Options, Snapshot, Writer, claim, seal};
use schema::{Date, Generation, Incarnation, Metrics, Micros, MonitorId, Position, Source};
use storage::layout::{self, DataFolder, DatedName};
use storage::{Disk, FileStore, Key, SimDisk, Store};

const NOW: i64 = 1_763_715_600_000_000;

struct World {
    disk: Arc<SimDisk>,
    store: FileStore,
    id: MonitorId,
}

impl World {
    fn new() -> Self {
        let disk = Arc::new(SimDisk::new(1));
        let store = FileStore::new(disk.clone(), "/store".into());
        Self { disk, store, id: MonitorId::new("web-1").unwrap() }
    }

    /// A machine starts with the monitor's id.
    async fn start(&self, folder: &str, incarnation: u64) -> Result<(Identity, Writer, DataFolder), LogError> {
        let folder = DataFolder::new(folder);
        let disk: Arc<dyn Disk> = self.disk.clone();
        let mut identity = Identity::establish(&*disk, &folder, &self.id, Incarnation::new(incarnation))?;
        if !identity.has_started(&*disk, &folder)? {
            identity = claim(&self.store, &*disk, &folder, &identity, now()).await?;
        }
        let options = Options { log_bytes: 1 << 20, metrics: Metrics::default() };
        let (writer, _) = Writer::open(disk, folder.clone(), &identity, options, now())?;
        Ok((identity, writer, folder))
    }

    async fn put(&self, seq: u64, content: &str) -> Key {
        let key = layout::dated(today(), &DatedName::Log { id: self.id.clone(), seq });
        self.store.append(&key, 0, Bytes::copy_from_slice(content.as_bytes())).await.unwrap();
        key
    }

    async fn cut(&self, generation: u64) -> Cut {
        let key = layout::cut(&Source::Monitor(self.id.clone()), Generation::new(generation));
        Cut::open(&key, &self.store.read(&key).await.unwrap()).unwrap()
    }

    async fn seal(&self) -> Result<seal::Final, LogError> {
        seal::seal(&self.store, &self.id, &Metrics::default(), now()).await
    }
}

fn now() -> Micros {
    Micros::new(NOW).unwrap()
}

fn today() -> Date {
    now().date()
}

fn line(n: i64) -> String {
    format!("{{\"service\":\"a\",\"ts\":{},\"cpu\":1,\"ram\":1,\"disk\":1}}\n", NOW + n)
}

#[tokio::test]
async fn the_last_cut_ends_with_the_last_whole_line_in_the_store() {
    let world = World::new();
    world.start("/a", 7).await.unwrap();
    let (whole, half) = (world.put(1, &(line(1) + &line(2))).await, world.put(2, &(line(3) + "{\"serv")).await);
    let ended = world.seal().await.unwrap();

    let cut = world.cut(1).await;
    let files: Vec<_> = cut.files.iter().map(|file| (&file.key, file.seq, file.length, file.messages)).collect();
    let lengths = [line(1).len() as u64 * 2, line(3).len() as u64];
    assert_eq!(files, [(&whole, 1, lengths[0], 2), (&half, 2, lengths[1], 1)]);
    assert_eq!(cut.files[1].crc32c, crc32c::crc32c(line(3).as_bytes()));
    assert_eq!(cut.times(), Some((Micros::new(NOW + 1).unwrap(), Micros::new(NOW + 3).unwrap())));
    assert_eq!((cut.generation, cut.position), (ended.generation, Position::new(ended.seq, 0)));
    assert!(ended.seq > 3, "an append on its way may begin file 3");
    assert!(seal::is_fenced(&world.store, &world.id, 1).await.unwrap());
    assert_eq!(world.seal().await.unwrap(), ended, "sealing again tells the same");
}

#[tokio::test]
async fn a_cut_that_was_published_stands_and_the_last_one_follows_it() {
    let world = World::new();
    let (_, mut writer, folder) = world.start("/a", 7).await.unwrap();
    writer.commit(&batch(1), today()).unwrap();
    writer.rotate(now()).unwrap();
    let snapshot = Snapshot::read(&*world.disk, &folder, None).unwrap().unwrap();
    let published = Cut::of_generation(&snapshot, Generation::new(1)).unwrap();
    world.put(1, &line(1)).await;
    world.store.create(&published.key(), published.seal().unwrap().into()).await.unwrap();
    world.put(2, &line(2)).await;

    let ended = world.seal().await.unwrap();
    assert_eq!(ended.generation, Generation::new(2));
    assert_eq!(world.cut(1).await, published);
    assert_eq!(world.cut(2).await.files.iter().map(|file| file.seq).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn another_machine_takes_the_id_once_it_is_sealed_and_goes_on_above() {
    let world = World::new();
    world.start("/a", 7).await.unwrap();
    world.put(1, &line(1)).await;
    assert!(matches!(world.start("/b", 8).await, Err(LogError::Claimed { .. })));

    let ended = world.seal().await.unwrap();
    let (identity, mut writer, folder) = world.start("/b", 8).await.unwrap();
    assert_eq!((identity.k, identity.generation, identity.seq), (2, ended.generation.next(), ended.seq));
    writer.commit(&batch(2), today()).unwrap();
    writer.rotate(now()).unwrap();
    let snapshot = Snapshot::read(&*world.disk, &folder, None).unwrap().unwrap();
    let cut = Cut::of_generation(&snapshot, identity.generation).unwrap();
    assert_eq!((cut.files[0].seq, cut.messages()), (ended.seq, 1));
    drop(writer);

    let (again, ..) = world.start("/b", 9).await.unwrap();
    assert_eq!(again, identity, "a restart is the same incarnation");
    let known = seal::known(&world.store).await.unwrap();
    assert_eq!(known.iter().map(|one| (one.k, one.fenced)).collect::<Vec<_>>(), [(2, false)]);
}

#[tokio::test]
async fn of_any_number_who_seal_one_makes_the_last_cut() {
    let world = World::new();
    world.start("/a", 7).await.unwrap();
    world.put(1, &line(1)).await;
    let ended = world.seal().await.unwrap();
    // One was interrupted, or is not there yet, after the cut and before the final document.
    world.store.delete(&layout::final_(&world.id, 1)).await.unwrap();
    assert_eq!(world.seal().await.unwrap(), ended);
    let cuts = world.store.list(&layout::cuts_of(&Source::Monitor(world.id.clone()))).await.unwrap();
    assert_eq!(cuts.len(), 1);
}

#[tokio::test]
async fn a_monitor_that_left_nothing_can_be_sealed_and_an_unknown_one_cannot() {
    let world = World::new();
    assert!(matches!(world.seal().await, Err(LogError::NoMonitor { .. })));
    world.start("/a", 7).await.unwrap();
    let ended = world.seal().await.unwrap();
    assert_eq!((ended.generation, world.cut(1).await.messages()), (Generation::new(1), 0));
}

fn batch(n: i64) -> Batch {
    let mut batch = Batch::new();
    batch.log.extend_from_slice(line(n).as_bytes());
    batch.messages = 1;
    (batch.least, batch.greatest) = (Micros::new(NOW + n).unwrap(), Micros::new(NOW + n).unwrap());
    batch
}
