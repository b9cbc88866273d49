//! A reader sees every acknowledged commit and nothing that is taken back, whatever the writer does meanwhile.

#![allow(clippy::unwrap_used)]

mod world;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use hourglass_log::{Identity, JournalMark, LogError, LogSlice, Snapshot, Writer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schema::{Date, Generation, Incarnation, Metrics, Micros, MonitorId};
use storage::layout::DataFolder;
use storage::{Disk, LocalDisk, Mode};
use world::{Messages, World};

/// What the writer and the readers share.
#[derive(Default)]
struct Shared {
    /// Commits acknowledged.
    acknowledged: AtomicU64,
    /// All log bytes offered so far, and all rows.
    offered: Mutex<(Vec<u8>, Vec<u8>)>,
    done: AtomicBool,
}

fn open(disk: &Arc<dyn Disk>, folder: &DataFolder) -> Writer {
    let id = MonitorId::new("web-1").unwrap();
    let identity = Identity::establish(&**disk, folder, &id, Incarnation::new(7)).unwrap();
    Writer::open(Arc::clone(disk), folder.clone(), &identity, World::options(), Micros::MIN).unwrap().0
}

fn read(disk: &dyn Disk, slices: &[LogSlice]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for slice in slices {
        let file = disk.open(&slice.path, Mode::Read).unwrap();
        let begin = bytes.len();
        bytes.resize(begin + (slice.bytes.end - slice.bytes.start) as usize, 0);
        file.read_exact_at(&mut bytes[begin..], slice.bytes.start).unwrap();
    }
    bytes
}

fn rows(disk: &dyn Disk, snapshot: &Snapshot, from: &JournalMark, to: &JournalMark) -> Result<Vec<u8>, LogError> {
    let mut rows = Vec::new();
    snapshot.queue_rows(disk, &Metrics::default(), from, to, |some| {
        rows.extend_from_slice(some);
        Ok::<_, LogError>(())
    })?;
    Ok(rows)
}

/// Commits, rotates and, if asked to, retires what is two generations old.
fn write(mut writer: Writer, disk: &dyn Disk, folder: &DataFolder, shared: &Shared, retire: bool) {
    let (mut messages, mut rng) = (Messages::new(), StdRng::seed_from_u64(1));
    for round in 1..=300 {
        let batch = messages.batch(&mut rng, round % 7);
        {
            let mut offered = shared.offered.lock().unwrap();
            offered.0.extend_from_slice(&batch.log);
            offered.1.extend_from_slice(&batch.queue);
        }
        writer.commit(&batch, Date::new(20_000 + round as u32 / 50).unwrap()).unwrap();
        shared.acknowledged.store(round as u64, SeqCst);
        if round % 3 != 0 {
            writer.append_queue(&batch);
        }
        if round % 30 == 0 {
            writer.rotate(Micros::MIN).unwrap();
            let old = Generation::new(writer.state().generation().get().saturating_sub(2));
            if retire && old.get() > 0 {
                disk.remove(&folder.journal(old)).unwrap();
                disk.remove(&folder.queue(old)).unwrap();
            }
        }
    }
    shared.done.store(true, SeqCst);
}

/// Reads everything again and again.
fn read_all(disk: &dyn Disk, folder: &DataFolder, shared: &Shared) {
    let mut readings = 0;
    while !shared.done.load(SeqCst) || readings < 3 {
        readings += 1;
        let acknowledged = shared.acknowledged.load(SeqCst);
        let snapshot = Snapshot::read(disk, folder, None).unwrap().unwrap();
        let last = snapshot.generations.last().unwrap().last;
        assert!(last.commit >= acknowledged);
        let log = read(disk, &snapshot.slices(snapshot.generations[0].start..snapshot.durable).unwrap());
        let rows: Vec<Vec<u8>> = snapshot
            .generations
            .iter()
            .map(|generation| rows(disk, &snapshot, &generation.first, &generation.last).unwrap())
            .collect();
        let offered = shared.offered.lock().unwrap();
        assert!(offered.0.starts_with(&log), "reading {readings}");
        assert!(offered.1.starts_with(&rows.concat()), "reading {readings}");
    }
}

/// Goes on from mark to mark, while what is behind is retired.
fn follow(disk: &dyn Disk, folder: &DataFolder, shared: &Shared) {
    let (mut log, mut seen): (Vec<u8>, Vec<u8>) = Default::default();
    let mut mark = Snapshot::read(disk, folder, None).unwrap().unwrap().generations[0].first;
    let mut finished = false;
    while !finished {
        finished = shared.done.load(SeqCst);
        let snapshot = Snapshot::read(disk, folder, Some(&mark)).unwrap().unwrap();
        log.extend(read(disk, &snapshot.slices(mark.position..snapshot.durable).unwrap()));
        for generation in snapshot.generations.iter().filter(|one| one.generation >= mark.generation) {
            let from = if generation.generation == mark.generation { mark } else { generation.first };
            match rows(disk, &snapshot, &from, &generation.last) {
                Ok(rows) => seen.extend(rows),
                Err(error) => panic!("{error}"),
            }
        }
        mark = snapshot.generations.last().unwrap().last;
    }
    let offered = shared.offered.lock().unwrap();
    assert!(offered.0 == log);
    assert!(offered.1 == seen);
}

fn beside_a_writer(at: &Path, retire: bool, reader: impl Fn(&dyn Disk, &DataFolder, &Shared) + Sync + Send + Copy) {
    let (folder, shared) = (DataFolder::new(at), Shared::default());
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    let writer = open(&disk, &folder);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| reader(&*disk, &folder, &shared));
        write(writer, &*disk, &folder, &shared, retire);
        reading.join().unwrap();
    });
}

#[test]
fn a_reader_beside_the_writer_sees_all_that_is_acknowledged_and_only_what_was_offered() {
    let at = tempfile::tempdir().unwrap();
    beside_a_writer(at.path(), false, read_all);
}

#[test]
fn a_reader_that_goes_on_from_its_marks_sees_every_byte_and_row_once() {
    let at = tempfile::tempdir().unwrap();
    beside_a_writer(at.path(), false, follow);
}

#[test]
fn a_reader_survives_the_retirement_of_what_it_is_about_to_read() {
    let at = tempfile::tempdir().unwrap();
    beside_a_writer(at.path(), true, |disk, folder, shared| {
        while !shared.done.load(SeqCst) {
            let acknowledged = shared.acknowledged.load(SeqCst);
            let snapshot = Snapshot::read(disk, folder, None).unwrap().unwrap();
            assert!(snapshot.generations.last().unwrap().last.commit >= acknowledged);
            for pair in snapshot.generations.windows(2) {
                assert_eq!(pair[0].closed.as_ref().unwrap().cut, pair[1].start);
            }
        }
    });
}

#[test]
fn before_the_first_start_there_is_nothing_to_read() {
    let at = tempfile::tempdir().unwrap();
    let folder = DataFolder::new(at.path());
    assert!(Snapshot::read(&LocalDisk::new(), &folder, None).unwrap().is_none());
}

#[test]
fn what_is_before_the_oldest_journal_is_called_retired() {
    let at = tempfile::tempdir().unwrap();
    let (folder, shared) = (DataFolder::new(at.path()), Shared::default());
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    write(open(&disk, &folder), &*disk, &folder, &shared, true);
    let snapshot = Snapshot::read(&*disk, &folder, None).unwrap().unwrap();
    let start = schema::Position::new(1, 0);
    assert!(matches!(snapshot.slices(start..snapshot.durable), Err(LogError::Retired { .. })));
    assert!(snapshot.slices(snapshot.generations[0].start..snapshot.durable).is_ok());
}

#[test]
fn what_lies_below_a_gap_in_the_journals_was_being_retired() {
    let temporary = tempfile::tempdir().unwrap();
    let (disk, folder): (Arc<dyn Disk>, _) = (Arc::new(LocalDisk::new()), DataFolder::new(temporary.path()));
    let mut writer = open(&disk, &folder);
    let mut messages = Messages::new();
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..4 {
        writer.commit(&messages.batch(&mut rng, 3), Date::new(20_000).unwrap()).unwrap();
        writer.rotate(Micros::MIN).unwrap();
    }
    drop(writer);
    // A power loss may take back the removal of an older journal and not that of a newer one.
    disk.remove(&folder.journal(Generation::new(2))).unwrap();
    let snapshot = Snapshot::read(&*disk, &folder, None).unwrap().unwrap();
    let generations: Vec<u64> = snapshot.generations.iter().map(|log| log.generation.get()).collect();
    assert_eq!(generations, [3, 4, 5]);
    let retired = snapshot.slices(snapshot.generations[0].start.min(schema::Position::new(0, 0))..snapshot.durable);
    assert!(matches!(retired, Err(LogError::Retired { .. })));
    open(&disk, &folder);
}

#[test]
fn a_log_that_lost_its_journals_is_refused_and_not_called_empty() {
    let temporary = tempfile::tempdir().unwrap();
    let (disk, folder): (Arc<dyn Disk>, _) = (Arc::new(LocalDisk::new()), DataFolder::new(temporary.path()));
    let mut writer = open(&disk, &folder);
    let batch = Messages::new().batch(&mut StdRng::seed_from_u64(3), 3);
    writer.commit(&batch, Date::new(20_000).unwrap()).unwrap();
    drop(writer);
    std::fs::remove_dir_all(folder.journals()).unwrap();
    let refused = Snapshot::read(&*disk, &folder, None);
    assert!(matches!(refused, Err(LogError::Corrupt { .. })));
}

#[test]
fn a_damaged_journal_of_a_closed_generation_is_refused_by_name_only_where_it_is_needed() {
    let temporary = tempfile::tempdir().unwrap();
    let (disk, folder): (Arc<dyn Disk>, _) = (Arc::new(LocalDisk::new()), DataFolder::new(temporary.path()));
    let mut writer = open(&disk, &folder);
    let (mut messages, mut rng) = (Messages::new(), StdRng::seed_from_u64(2));
    for _ in 0..4 {
        writer.commit(&messages.batch(&mut rng, 3), Date::new(20_000).unwrap()).unwrap();
        writer.rotate(Micros::MIN).unwrap();
    }
    drop(writer);
    let flip = |generation| {
        let path = folder.journal(Generation::new(generation));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let path = flip(3);
    let snapshot = Snapshot::read(&*disk, &folder, None).unwrap().unwrap();
    let generations: Vec<u64> = snapshot.generations.iter().map(|log| log.generation.get()).collect();
    assert_eq!(generations, [4, 5]);
    assert_eq!(snapshot.damaged.as_ref().unwrap().generation.get(), 3);
    assert!(snapshot.slices(snapshot.generations[0].start..snapshot.durable).is_ok());
    let needed = snapshot.slices(schema::Position::new(3, 0)..snapshot.durable).unwrap_err();
    assert!(matches!(&needed, LogError::Corrupt { path: named, .. } if *named == path), "{needed}");
    open(&disk, &folder);
    let path = flip(5);
    let refused = Snapshot::read(&*disk, &folder, None).unwrap_err();
    assert!(matches!(&refused, LogError::Corrupt { path: named, .. } if *named == path), "{refused}");
}
