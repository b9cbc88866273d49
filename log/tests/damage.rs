//! What is damaged is repaired where it was never acknowledged, and refused by name where it was; a disk that runs full
//! or fails stops acknowledging and loses nothing.

#![allow(clippy::unwrap_used)]

mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hourglass_log::{Batch, CommitError, Identity, LogError, Recovery, Snapshot, Writer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schema::{Date, Generation, Incarnation, Micros, MonitorId, Position};
use storage::{Disk, Mode, SimDisk};
use world::{Messages, World};

const TODAY: u32 = 20_000;

/// A disk with a log of some commits, closed.
struct Written {
    disk: SimDisk,
    batches: Vec<Batch>,
    /// The log's end after each commit, and the journal's.
    ends: Vec<(Position, u64)>,
}

fn today() -> Date {
    Date::new(TODAY).unwrap()
}

fn journal() -> PathBuf {
    World::folder().journal(Generation::new(1))
}

fn log_file() -> PathBuf {
    World::folder().log_file(today(), &MonitorId::new("web-1").unwrap(), 1)
}

fn open(disk: &SimDisk) -> Result<(Writer, Recovery), LogError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let id = MonitorId::new("web-1").unwrap();
    let identity = Identity::establish(&*disk, &World::folder(), &id, Incarnation::new(7))?;
    Writer::open(disk, World::folder(), &identity, World::options(), Micros::MIN)
}

/// Batches that all go into one log file.
fn batches(count: usize) -> Vec<Batch> {
    let (mut messages, mut rng) = (Messages::new(), StdRng::seed_from_u64(count as u64));
    (0..count).map(|_| messages.batch(&mut rng, 3)).collect()
}

fn written(count: usize) -> Written {
    let disk = SimDisk::new(1);
    let (mut writer, _) = open(&disk).unwrap();
    let batches = batches(count);
    let mut ends = Vec::new();
    for batch in &batches {
        writer.commit(batch, today()).unwrap();
        writer.append_queue(batch);
        ends.push((writer.state().position(), writer.state().mark().journal_offset));
    }
    Written { disk: disk.kill(), batches, ends }
}

fn bytes(disk: &SimDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, Mode::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn overwrite(disk: &SimDisk, path: &Path, offset: u64, bytes: &[u8]) {
    disk.open(path, Mode::Write).unwrap().write_at(bytes, offset).unwrap();
}

fn is_corrupt(error: &LogError, path: &Path) -> bool {
    matches!(error, LogError::Corrupt { path: named, .. } if named == path)
}

#[test]
fn a_record_torn_at_any_byte_is_dropped_with_its_log_bytes() {
    let Written { disk, ends, .. } = written(3);
    let (before, after) = (ends[1].1 as usize, ends[2].1 as usize);
    let frame = bytes(&disk, &journal())[before..after].to_vec();
    for kept in 0..=frame.len() {
        // What the write left is its first bytes, or its last.
        for lost in [kept..frame.len(), 0..frame.len() - kept] {
            let disk = disk.kill();
            overwrite(&disk, &journal(), (before + lost.start) as u64, &vec![0; lost.len()]);
            let (writer, _) = open(&disk).unwrap();
            let commits = writer.state().mark().commit;
            // Magic and end mark are constants: without them nothing is lost.
            let needed = |index: usize| (4..frame.len() - 4).contains(&index) && frame[index] != 0;
            assert_eq!(commits, if lost.clone().any(needed) { 2 } else { 3 }, "{kept} bytes kept");
            let end = ends[commits as usize - 1].0;
            assert_eq!(disk.length(&log_file()).unwrap(), Some(end.offset));
        }
    }
}

#[test]
fn log_bytes_torn_at_any_byte_are_dropped_with_their_record() {
    let Written { disk, ends, .. } = written(3);
    let (before, after) = (ends[1].0.offset, ends[2].0.offset);
    for kept in before..=after {
        for zeros in [false, true] {
            let disk = disk.kill();
            let file = disk.open(&log_file(), Mode::Write).unwrap();
            file.truncate(kept).unwrap();
            if zeros {
                file.truncate(after).unwrap();
            }
            let commits = if kept == after { 3 } else { 2 };
            let read = Snapshot::read(&disk, &World::folder(), None).unwrap().unwrap();
            assert_eq!(read.generations[0].last.commit, commits, "a reader judges as recovery does");
            let (mut writer, recovery) = open(&disk).unwrap();
            assert_eq!(writer.state().mark().commit, commits, "cut at {kept}");
            let dropped = if commits == 3 {
                0
            } else if zeros {
                after - before
            } else {
                kept - before
            };
            assert_eq!(recovery.dropped_bytes, dropped);
            writer.commit(&batches(1)[0], today()).unwrap();
            assert!(open(&disk.kill()).is_ok());
        }
    }
}

#[test]
fn any_changed_byte_of_a_journal_is_refused_by_name_or_harmless() {
    let Written { disk, ends, .. } = written(4);
    let journal_bytes = bytes(&disk, &journal());
    let intact = open(&disk.kill()).unwrap().0;
    let mut harmless = 0;
    for offset in 0..ends[3].1 + 40 {
        let byte = journal_bytes[offset as usize];
        for changed in [byte ^ 1, byte ^ 0x80, 0, 0xff] {
            let disk = disk.kill();
            overwrite(&disk, &journal(), offset, &[changed]);
            match open(&disk) {
                Ok((writer, _)) => {
                    assert_eq!(writer.state().mark(), intact.state().mark(), "byte {offset} is now {changed}");
                    harmless += usize::from(changed != byte);
                }
                Err(error) => assert!(is_corrupt(&error, &journal()), "{error}"),
            }
        }
    }
    // The ends of frames, the fronts of magics, and what is reserved.
    assert!(harmless < 4 * 150, "{harmless}");
}

#[test]
fn any_changed_byte_of_the_last_log_bytes_is_refused_by_name() {
    let Written { disk, ends, .. } = written(2);
    for offset in ends[0].0.offset..ends[1].0.offset {
        let disk = disk.kill();
        let byte = bytes(&disk, &log_file())[offset as usize];
        overwrite(&disk, &log_file(), offset, &[byte ^ 0x80]);
        refused_by_all(&disk, &log_file());
    }
}

#[test]
fn missing_log_bytes_are_refused_by_name() {
    let Written { disk, ends, .. } = written(3);
    let shorter = disk.kill();
    shorter.open(&log_file(), Mode::Write).unwrap().truncate(ends[1].0.offset - 1).unwrap();
    assert!(is_corrupt(&open(&shorter).unwrap_err(), &log_file()));
    let gone = disk.kill();
    gone.remove(&log_file()).unwrap();
    let refused = Snapshot::read(&gone, &World::folder(), None).unwrap_err();
    assert!(is_corrupt(&refused, &log_file()), "{refused}");
    assert!(is_corrupt(&open(&gone).unwrap_err(), &log_file()));
    let no_journal = disk.kill();
    no_journal.remove(&journal()).unwrap();
    assert!(is_corrupt(&open(&no_journal).unwrap_err(), &log_file()));
}

#[test]
fn torn_log_bytes_under_a_record_that_is_not_the_last_are_refused() {
    let Written { disk, ends, .. } = written(3);
    // The third record was begun, so the second was acknowledged.
    overwrite(&disk, &journal(), ends[1].1 + 20, &vec![0; (ends[2].1 - ends[1].1) as usize - 20]);
    disk.open(&log_file(), Mode::Write).unwrap().truncate(ends[0].0.offset + 5).unwrap();
    assert!(is_corrupt(&open(&disk).unwrap_err(), &log_file()));
}

#[test]
fn a_refusal_changes_nothing() {
    let Written { disk, ends, .. } = written(3);
    overwrite(&disk, &journal(), ends[0].1 + 30, &[0xff]);
    overwrite(&disk, &log_file(), ends[2].0.offset, b"behind the end");
    let before = (bytes(&disk, &journal()), bytes(&disk, &log_file()));
    open(&disk).unwrap_err();
    assert!(before == (bytes(&disk, &journal()), bytes(&disk, &log_file())));
}

/// Recovery and readers refuse by the name of `path`, and change nothing.
fn refused_by_all(disk: &SimDisk, path: &Path) {
    let names = || -> Vec<(PathBuf, Vec<u8>)> {
        let days = disk.list(&World::folder().logs()).unwrap();
        let folders = days.into_iter().map(|day| World::folder().logs().join(day.name));
        let folders: Vec<_> = folders.chain([World::folder().journals()]).collect();
        let files = |folder: PathBuf| disk.list(&folder).unwrap().into_iter().map(move |entry| folder.join(entry.name));
        folders.into_iter().flat_map(files).map(|path| (path.clone(), bytes(disk, &path))).collect()
    };
    let before = names();
    let refused = Snapshot::read(disk, &World::folder(), None).unwrap_err();
    assert!(is_corrupt(&refused, path), "{refused}");
    let refused = open(disk).unwrap_err();
    assert!(is_corrupt(&refused, path), "{refused}");
    assert!(before == names(), "a refusal changes nothing");
}

#[test]
fn log_files_of_a_journal_that_is_missing_are_refused_by_name_and_stay() {
    for (restarts, commits, days) in [(false, 1, 0), (false, 3, 0), (true, 1, 0), (true, 4, 1), (false, 5, 1)] {
        let Written { mut disk, .. } = written(2);
        let (mut writer, _) = open(&disk).unwrap();
        writer.commit(&batches(1)[0], today()).unwrap();
        writer.rotate(Micros::MIN).unwrap();
        if restarts {
            drop(writer);
            disk = disk.restart();
            writer = open(&disk).unwrap().0;
        }
        for (index, batch) in batches(commits).iter().enumerate() {
            writer.commit(batch, Date::new(TODAY + days * index as u32).unwrap()).unwrap();
        }
        let (id, folder) = (MonitorId::new("web-1").unwrap(), World::folder());
        let first = folder.log_file(today(), &id, 2);
        let disk = disk.restart();
        disk.remove(&folder.journal(Generation::new(2))).unwrap();
        if disk.length(&folder.queue(Generation::new(2))).unwrap().is_some() {
            disk.remove(&folder.queue(Generation::new(2))).unwrap();
        }
        refused_by_all(&disk, &first);
    }
}

#[test]
fn a_journal_that_is_missing_is_missed_where_its_generation_is_empty() {
    let Written { disk, .. } = written(2);
    let (mut writer, _) = open(&disk).unwrap();
    writer.rotate(Micros::MIN).unwrap();
    let disk = disk.kill();
    disk.remove(&World::folder().journal(Generation::new(2))).unwrap();
    refused_by_all(&disk, &World::folder().queue(Generation::new(2)));
}

#[test]
fn log_bytes_whose_records_were_cut_off_the_journal_are_refused_and_stay() {
    let Written { disk, ends, .. } = written(4);
    for end in ends[0].1..ends[3].1 {
        let disk = disk.kill();
        disk.open(&journal(), Mode::Write).unwrap().truncate(end).unwrap();
        let between = ends.iter().any(|(_, of_record)| *of_record == end);
        refused_by_all(&disk, &if between { log_file() } else { journal() });
    }
}

#[test]
fn log_bytes_of_an_interrupted_commit_are_cut_off_wherever_recovery_is_interrupted_in_turn() {
    let next = World::folder().log_file(Date::new(TODAY + 1).unwrap(), &MonitorId::new("web-1").unwrap(), 2);
    for in_next_file in [false, true] {
        for nth in 1..40 {
            let Written { disk, .. } = written(2);
            let (mut writer, _) = open(&disk).unwrap();
            // The first commit reserves its space, and is whole; of the second nothing but log bytes is there.
            writer.commit(&batches(3)[2], today()).unwrap();
            let end = writer.state().position().offset;
            let place = if in_next_file { (next.clone(), 0) } else { (log_file(), end) };
            disk.create_folders(next.parent().unwrap()).unwrap();
            overwrite(&disk, &place.0, place.1, &batches(1)[0].log);
            disk.crash_at_operation(nth);
            let _ = open(&disk);
            let disk = disk.restart();
            let (writer, _) = open(&disk).unwrap();
            assert_eq!(writer.state().mark().commit, 3, "operation {nth}");
            assert_eq!(disk.length(&log_file()).unwrap(), Some(end));
            assert_eq!(disk.length(&next).unwrap(), None);
        }
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_and_goes_on_when_there_is_room() {
    for room in 0..400 {
        let Written { disk, .. } = written(2);
        let (mut writer, _) = open(&disk).unwrap();
        let (batch, other) = (batches(5).pop().unwrap(), batches(6).pop().unwrap());
        disk.set_room(room);
        for _ in 0..2 {
            assert!(matches!(writer.commit(&batch, today()), Err(CommitError::Full(_))), "room {room}");
            assert!(matches!(writer.rotate(Micros::MIN), Err(CommitError::Full(_))));
            assert_eq!(writer.state().mark().commit, 2);
        }
        if room % 2 == 0 {
            disk.set_room(1 << 30);
            // The day may have passed meanwhile: the batch arrived before.
            writer.commit(&batch, Date::new(TODAY + 1).unwrap()).unwrap();
            writer.commit(&other, today()).unwrap();
            let (writer, _) = open(&disk.restart()).unwrap();
            assert_eq!(writer.state().mark().commit, 4);
        } else {
            // The disk is still full when the process starts again: that takes no room.
            let disk = disk.restart();
            let (mut writer, _) = open(&disk).unwrap();
            assert_eq!(writer.state().mark().commit, 2);
            disk.set_room(1 << 30);
            writer.commit(&batch, today()).unwrap();
        }
    }
}

#[test]
fn a_crash_while_a_commit_that_found_no_room_is_written_again_takes_at_most_that_commit() {
    for seed in 0..500 {
        let disk = SimDisk::new(seed);
        let (mut writer, _) = open(&disk).unwrap();
        let batches = batches(3);
        writer.commit(&batches[0], today()).unwrap();
        disk.set_room(seed % 300);
        assert!(matches!(writer.commit(&batches[1], today()), Err(CommitError::Full(_))));
        disk.set_room(1 << 30);
        disk.crash_at_sync(seed % 3 + 1);
        let done = writer.commit(&batches[1], today()).is_ok();
        let (writer, _) = open(&disk.restart()).unwrap();
        let kept = writer.state().mark().commit;
        assert!(kept == 2 || (kept == 1 && !done), "seed {seed}");
    }
}

#[test]
fn recovery_takes_no_room() {
    let Written { disk, batches, .. } = written(2);
    let (mut writer, _) = open(&disk).unwrap();
    writer.rotate(Micros::MIN).unwrap();
    // Rows that come late are nobody's any more.
    writer.append_queue(&batches[1]);
    let disk = disk.kill();
    disk.set_room(0);
    let (mut writer, _) = open(&disk).unwrap();
    assert_eq!((writer.state().mark().commit, writer.state().generation().get()), (2, 2));
    assert!(matches!(writer.commit(&batches[0], today()), Err(CommitError::Full(_))));
    disk.set_room(1 << 30);
    writer.commit(&batches[0], today()).unwrap();
    writer.append_queue(&batches[0]);
    assert!(bytes(&disk, &World::folder().queue(Generation::new(2))).ends_with(&batches[0].queue));
}

#[test]
fn nothing_but_the_same_batch_is_written_behind_a_commit_that_found_no_room() {
    let Written { disk, .. } = written(1);
    let (mut writer, _) = open(&disk).unwrap();
    let (batch, other) = (batches(5).pop().unwrap(), batches(6).pop().unwrap());
    disk.set_room(10);
    assert!(matches!(writer.commit(&batch, today()), Err(CommitError::Full(_))));
    disk.set_room(1 << 30);
    assert!(matches!(writer.commit(&other, today()), Err(CommitError::Io(_))));
    assert!(matches!(writer.commit(&batch, today()), Err(CommitError::Io(_))));
}

#[test]
fn a_failed_sync_ends_the_writer_and_recovery_keeps_what_was_acknowledged() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let (mut writer, _) = open(&disk).unwrap();
        let batches = batches(3);
        writer.commit(&batches[0], today()).unwrap();
        disk.eio_at_sync(seed % 2 + 1);
        assert!(matches!(writer.commit(&batches[1], today()), Err(CommitError::Io(_))));
        assert!(matches!(writer.commit(&batches[1], today()), Err(CommitError::Io(_))));
        assert!(matches!(writer.rotate(Micros::MIN), Err(CommitError::Io(_))));
        let (mut writer, _) = open(&disk).unwrap();
        let kept = writer.state().mark().commit;
        assert!((1..=2).contains(&kept));
        writer.commit(&batches[2], today()).unwrap();
        let disk = disk.restart();
        let (writer, _) = open(&disk).unwrap();
        assert_eq!(writer.state().mark().commit, kept + 1);
    }
}

#[test]
fn a_damaged_queue_is_derived_again() {
    let Written { disk, batches, .. } = written(4);
    let queue = World::folder().queue(Generation::new(1));
    let whole = bytes(&disk, &queue);
    assert!(whole.ends_with(&batches[3].queue));
    for damage in [0, 5, whole.len() / 2, whole.len() - 1] {
        for cut in [false, true] {
            let disk = disk.kill();
            let file = disk.open(&queue, Mode::Write).unwrap();
            if cut {
                file.truncate(damage as u64).unwrap()
            } else {
                file.write_at(b"#", damage as u64).unwrap()
            }
            let (_, recovery) = open(&disk).unwrap();
            assert!(recovery.derived_queue);
            assert_eq!(bytes(&disk, &queue), whole);
        }
    }
    let disk = disk.kill();
    overwrite(&disk, &queue, whole.len() as u64, b"too much");
    open(&disk).unwrap();
    assert_eq!(bytes(&disk, &queue), whole);
}

#[test]
fn a_data_folder_belongs_to_one_monitor() {
    let Written { disk, .. } = written(1);
    let folder = World::folder();
    let other = MonitorId::new("web-2").unwrap();
    let error = Identity::establish(&disk, &folder, &other, Incarnation::new(9)).unwrap_err();
    assert!(matches!(error, LogError::OtherMonitor { .. }), "{error}");
    let identity = Identity::read(&disk, &folder).unwrap().unwrap();
    let stranger = Identity { incarnation: Incarnation::new(9), ..identity };
    let opened = Writer::open(Arc::new(disk), folder, &stranger, World::options(), Micros::MIN);
    assert!(matches!(opened.unwrap_err(), LogError::OtherMonitor { .. }));
}
