//! An import counts exactly once or not at all, whatever happens in the middle of it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use hourglass_log::import::{self, ImportOptions, Rejected, Staged};
use hourglass_log::{Cut, LogError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schema::{Date, ImportHash, Metrics, Micros, Reject, Source};
use storage::layout::{self, DataFolder};
use storage::{Disk, FileStore, SimDisk, Store, is_crash};

const HASH: ImportHash = ImportHash([0xab; 32]);
const NOW: Micros = Micros::MIN;

/// Lines, and what has to become of them.
struct Input {
    chunks: Vec<Vec<u8>>,
    by_date: BTreeMap<Date, Vec<u8>>,
    rejected: Vec<Reject>,
}

/// Random lines over `days` days, in chunks of some lines.
fn input(seed: u64, lines: usize, days: i64) -> Input {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut input = Input { chunks: vec![Vec::new()], by_date: BTreeMap::new(), rejected: Vec::new() };
    for _ in 0..lines {
        if rng.random_bool(0.2) {
            input.chunks.push(Vec::new());
        }
        let chunk = input.chunks.last_mut().unwrap();
        if rng.random_bool(0.1) {
            chunk.extend_from_slice(b"{\"service\":\"a\"}\n");
            input.rejected.push(Reject::MissingField);
            continue;
        }
        let time = rng.random_range(0..days) * 86_400_000_000 + rng.random_range(0..86_400_000_000);
        let time = time + 1_700_000_000_000_000;
        let line = format!(r#"{{"service":"s{}","ts":{time},"cpu":1,"ram":2,"disk":3}}"#, time % 3);
        chunk.extend_from_slice(line.as_bytes());
        chunk.push(b'\n');
        let of_date = input.by_date.entry(Micros::new(time).unwrap().date()).or_default();
        of_date.extend_from_slice(line.as_bytes());
        of_date.push(b'\n');
    }
    input
}

fn options(attempt: u32) -> ImportOptions {
    let metrics = Metrics::default();
    ImportOptions { metrics, latest: Micros::MAX, services: 100, attempt, file_bytes: 1 << 20 }
}

fn stage(disk: &dyn Disk, options: &ImportOptions, input: &Input) -> Result<(Staged, Vec<Rejected>), LogError> {
    let mut chunks = input.chunks.iter().cloned().map(io::Result::Ok);
    let mut rejected = Vec::new();
    let staged = import::stage(disk, &folder(), options, &mut chunks, &mut |one| rejected.push(one))?;
    Ok((staged, rejected))
}

fn folder() -> DataFolder {
    DataFolder::new("/data")
}

fn store(disk: &SimDisk) -> FileStore {
    FileStore::new(Arc::new(disk.clone()), folder().store())
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A whole import, as the command does it.
fn import_all(disk: &SimDisk, attempt: u32, input: &Input) -> Result<Cut, LogError> {
    let store = store(disk);
    wait(import::clean(&store, disk, &folder()))?;
    let (staged, _) = stage(disk, &options(attempt), input)?;
    wait(import::publish(&store, disk, &folder(), staged, HASH, NOW))
}

/// The cut's files, and nothing else, are in the store; they hold the input by date.
fn check(disk: &SimDisk, cut: &Cut, input: &Input) {
    let store = store(disk);
    let mut by_date: BTreeMap<Date, Vec<u8>> = BTreeMap::new();
    for file in &cut.files {
        let bytes = wait(store.read(&file.key)).unwrap();
        assert_eq!((bytes.len() as u64, crc32c::crc32c(&bytes)), (file.length, file.crc32c));
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count() as u64, file.messages);
        assert!(file.least.date() == file.date && file.greatest.date() == file.date);
        by_date.entry(file.date).or_default().extend_from_slice(&bytes);
    }
    assert!(by_date == input.by_date);
    let listed = wait(store.list(&layout::master())).unwrap();
    assert_eq!(listed.len(), cut.files.len(), "{listed:?}");
    assert!(disk.list(&folder().import()).unwrap().is_empty());
    assert_eq!(wait(import::newest(&store, HASH)).unwrap().as_ref(), Some(cut));
}

#[test]
fn every_message_goes_into_the_files_of_its_date_in_order() {
    for (seed, lines, days, file_bytes) in
        [(1, 3000, 1, 1 << 20), (2, 3000, 400, 1 << 20), (3, 3000, 3, 5000), (4, 0, 1, 1)]
    {
        let disk = SimDisk::new(seed);
        let input = input(seed, lines, days);
        let (staged, rejected) = stage(&disk, &ImportOptions { file_bytes, ..options(1) }, &input).unwrap();
        let reasons: Vec<_> = rejected.iter().map(|rejected| rejected.reason).collect();
        assert_eq!(reasons, input.rejected);
        assert_eq!(staged.rejected.total(), input.rejected.len() as u64);
        assert_eq!(staged.messages + staged.rejected.total(), lines as u64);
        let cut = wait(import::publish(&store(&disk), &disk, &folder(), staged, HASH, NOW)).unwrap();
        check(&disk, &cut, &input);
        if file_bytes == 5000 {
            assert!(cut.files.len() > 20 && cut.files.iter().all(|file| file.length < 40_000));
        }
    }
}

#[test]
fn limits_are_applied_line_by_line() {
    let disk = SimDisk::new(1);
    let line =
        |service: &str, ts: u64| format!("{{\"service\":\"{service}\",\"ts\":{ts},\"cpu\":1,\"ram\":2,\"disk\":3}}");
    let long = line("a", 5).replace('}', &format!(",\"x\":\"{}\"}}", "y".repeat(70_000)));
    let lines = [line("a", 5), line("b", 6), line("c", 7), line("a", 11), long, "no".to_owned(), line("b", 10)];
    let input = Input { chunks: vec![lines.join("\n").into_bytes()], by_date: BTreeMap::new(), rejected: Vec::new() };
    let options = ImportOptions { services: 2, latest: Micros::new(10_000_000).unwrap(), ..options(1) };
    let (staged, rejected) = stage(&disk, &options, &input).unwrap();
    let reasons: Vec<_> = rejected.iter().map(|rejected| rejected.reason).collect();
    let expected = [Reject::TooManyServices, Reject::FutureTimestamp, Reject::LineTooLong, Reject::InvalidJson];
    assert_eq!(reasons, expected);
    assert_eq!(rejected[0].line, lines[2].as_bytes());
    assert_eq!((staged.messages, staged.services.len()), (3, 2));
}

#[test]
fn an_import_counts_once_until_it_is_undone() {
    let disk = SimDisk::new(1);
    let input = input(1, 500, 5);
    let first = import_all(&disk, 1, &input).unwrap();
    assert_eq!((first.source.clone(), first.generation.get()), (Source::Import(HASH), 0));
    assert!(matches!(import_all(&disk, 2, &input), Err(LogError::AlreadyImported { import: HASH })));
    check(&disk, &first, &input);
    let undone = wait(import::undo(&store(&disk), HASH, NOW)).unwrap();
    assert!(undone.withdrawn && undone.files.is_empty() && undone.generation.get() == 1);
    assert!(matches!(wait(import::undo(&store(&disk), HASH, NOW)), Err(LogError::NotImported { .. })));
    let again = import_all(&disk, 3, &input).unwrap();
    assert_eq!((again.generation.get(), again.withdrawn), (2, false));
    let other = ImportHash([1; 32]);
    assert!(matches!(wait(import::undo(&store(&disk), other, NOW)), Err(LogError::NotImported { .. })));
}

#[test]
fn a_failing_input_leaves_nothing_that_counts() {
    let disk = SimDisk::new(1);
    let good = b"{\"service\":\"a\",\"ts\":1,\"cpu\":1,\"ram\":2,\"disk\":3}\n".to_vec();
    let mut chunks = [Ok(good), Err(io::Error::other("unplugged"))].into_iter();
    let failed = import::stage(&disk, &folder(), &options(1), &mut chunks, &mut |_| {});
    assert!(failed.unwrap_err().to_string().contains("unplugged"));
    let input = input(1, 50, 2);
    let cut = import_all(&disk, 2, &input).unwrap();
    check(&disk, &cut, &input);
}

#[test]
fn a_crash_at_any_operation_of_an_import_counts_nothing_twice() {
    let input = input(7, 60, 3);
    for kill in [false, true] {
        for nth in 1.. {
            let disk = SimDisk::new(nth);
            disk.crash_at_operation(nth);
            let whole = import_all(&disk, 1, &input);
            let mut next = if kill { disk.kill() } else { disk.restart() };
            // It may crash while it cleans up, too.
            next.crash_at_operation(nth % 7 + 1);
            if import_all(&next, 2, &input).is_err_and(|error| crashed(&error)) {
                next = if kill { next.kill() } else { next.restart() };
            }
            let counted = match import_all(&next, 3, &input) {
                Err(LogError::AlreadyImported { .. }) => wait(import::newest(&store(&next), HASH)).unwrap().unwrap(),
                done => done.unwrap(),
            };
            assert_eq!(counted.generation.get(), 0);
            check(&next, &counted, &input);
            if whole.is_ok() {
                break;
            }
        }
    }
}

fn crashed(error: &LogError) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if is_crash(error) || error.downcast_ref::<io::Error>().is_some_and(|error| is_crash(error)) {
            return true;
        }
        source = error.source();
    }
    format!("{error:?}").contains("PowerLost")
}
