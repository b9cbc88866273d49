//! Mapping: every line is folded once, wherever a file is cut into pieces and however they are shared out.

use proptest::prelude::*;
use storage::{FileStore, LocalDisk};
use tokio::runtime::Runtime;

mod afar;

use super::*;
use crate::fixture::{Sent, count, lines, messages, rows};
use crate::input::{Expected, Place};

/// Folds `inputs` in pieces of so many bytes.
fn fold(inputs: &[Input], piece: u64, threads: usize, memory: usize) -> Result<(Vec<Table>, Spill)> {
    let store = FileStore::new(std::sync::Arc::new(LocalDisk::new()), std::env::temp_dir());
    fold_from(&store, inputs, piece, threads, memory)
}

fn fold_from(
    store: &dyn Store,
    inputs: &[Input],
    piece: u64,
    threads: usize,
    memory: usize,
) -> Result<(Vec<Table>, Spill)> {
    let runtime = Runtime::new().unwrap();
    let spill = Mutex::new(Spill::new(&std::env::temp_dir(), 3));
    let map = Map {
        store,
        handle: runtime.handle(),
        metrics: &Metrics::default(),
        selection: &Selection::everything(),
        threads,
        memory,
        progress: &Progress::default(),
        piece,
    };
    let tables = map.fold(inputs, &spill)?;
    Ok((tables, spill.into_inner()))
}

fn input(folder: &std::path::Path, name: &str, messages: &[Sent]) -> Input {
    let (path, text) = (folder.join(name), lines(messages));
    std::fs::write(&path, &text).unwrap();
    let expected = Expected { crc32c: crc32c::crc32c(text.as_bytes()), messages: messages.len() as u64, ends: true };
    Input { place: Place::Local(path), range: 0..text.len() as u64, expected: Some(expected) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn wherever_files_are_cut_every_line_is_folded_once(
        files in prop::collection::vec(messages(20), 1..4),
        piece in 1..400_u64,
        threads in 1..4_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let inputs: Vec<Input> =
            files.iter().enumerate().map(|(at, messages)| input(folder.path(), &at.to_string(), messages)).collect();
        let (tables, _) = fold(&inputs, piece, threads, 1 << 20).unwrap();
        let mut all = Table::new(&Metrics::default());
        tables.iter().for_each(|table| all.merge(table));
        prop_assert_eq!(rows(&all), count(files.iter().flatten()));
    }

    #[test]
    fn a_stretch_of_a_file_is_folded_alone(messages in messages(20), from in 0..20_usize, piece in 1..400_u64) {
        let folder = tempfile::tempdir().unwrap();
        let from = from.min(messages.len());
        let mut part = input(folder.path(), "whole", &messages);
        part.range.start = lines(&messages[..from]).len() as u64;
        part.expected = None;
        let (tables, _) = fold(&[part], piece, 2, 1 << 20).unwrap();
        let mut all = Table::new(&Metrics::default());
        tables.iter().for_each(|table| all.merge(table));
        prop_assert_eq!(rows(&all), count(&messages[from..]));
    }

    #[test]
    fn what_does_not_fit_in_memory_is_spilled(messages in messages(40), piece in 200..2000_u64) {
        let folder = tempfile::tempdir().unwrap();
        let (tables, mut spill) = fold(&[input(folder.path(), "all", &messages)], piece, 2, 1).unwrap();
        prop_assert!(tables.iter().all(Table::is_empty));
        spill.add(&tables[0]).unwrap();
        let mut merged = Table::new(&Metrics::default());
        spill.merge(|row| { merged.merge_row(row); Ok(()) }).unwrap();
        prop_assert_eq!(rows(&merged), count(&messages));
    }
}

#[test]
fn a_file_that_ends_inside_a_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torn");
    std::fs::write(&path, br#"{"service":"a","ts":1763715600,"cpu":1,"ram":1,"disk":1}"#).unwrap();
    let torn = Input { place: Place::Local(path.clone()), range: 0..56, expected: None };
    let refused = fold(&[torn], 1 << 20, 1, 1 << 20);
    assert!(matches!(refused, Err(ViewError::DatedFile { name, .. }) if name == path.display().to_string()));
}

#[test]
fn a_file_with_another_number_of_messages_than_its_cut_says_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut miscounted = input(folder.path(), "miscounted", &[]);
    miscounted.expected = Some(Expected { crc32c: 0, messages: 1, ends: true });
    let name = miscounted.place.to_string();
    let refused = fold(&[miscounted], 1 << 20, 1, 1 << 20);
    assert!(matches!(refused, Err(ViewError::DatedFile { name: found, .. }) if found == name));
}
