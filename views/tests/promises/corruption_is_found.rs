//! The promise: corruption of the log is found, never averaged in. An answer from damaged files is the true one, or an
//! error that names the file.

use std::path::Path;

use schema::Generation;
use storage::{Disk, Mode};
use views::{Line, Query, cat, query};

use crate::town::{Sent, TODAY, Town, count, micros, rows};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

fn sent(second: i64) -> Sent {
    Sent::plain(if second % 2 == 0 { "checkout" } else { "basket" }, micros(TODAY + second * 1_000_000), 1000 + second)
}

/// Asks and cats on the machine of monitor 0. Says whether the answers were whole; else they name `path`.
async fn answers(town: &Town, path: &Path) -> [bool; 2] {
    let (reader, all) = (town.reader(Some(0)), Query::everything());
    let name = path.file_name().unwrap().to_str().unwrap();
    let answered = match query(&reader, &all).await {
        Ok(answer) => {
            let truth = count(town.monitors[0].sent.iter().map(|(_, _, sent)| sent), &all);
            assert!(rows(&answer) == truth, "a wrong answer");
            true
        }
        Err(error) => {
            assert!(error.to_string().contains(name), "{error}");
            false
        }
    };
    let mut lines = Vec::new();
    let mut keep = |line: Line<'_>| {
        lines.push([line.bytes, b"\n"].concat());
        Ok(())
    };
    let catted = cat(&reader, &all, &mut keep).await;
    let truth: Vec<_> = town.monitors[0].sent.iter().map(|(_, _, sent)| sent.line().into_bytes()).collect();
    assert!(truth.starts_with(&lines), "a line that was never sent");
    if let Err(error) = &catted {
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(catted.is_err() || lines.len() == truth.len(), "lines are left out");
    [answered, catted.is_ok()]
}

/// Flips each byte of `path` in turn; how often query and cat answered all the same.
async fn flip_each(town: &Town, path: &Path, mask: u8) -> [usize; 2] {
    let file = town.disk.open(path, Mode::Write).unwrap();
    let mut whole = [0; 2];
    for at in 0..file.len().unwrap() {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_at(&[byte[0] ^ mask], at).unwrap();
        let sound = answers(town, path).await;
        (whole[0], whole[1]) = (whole[0] + usize::from(sound[0]), whole[1] + usize::from(sound[1]));
        file.write_at(&byte, at).unwrap();
    }
    assert_eq!(answers(town, path).await, [true, true], "undamaged again");
    whole
}

#[test]
fn in_any_byte_of_the_open_log_file() {
    runtime().block_on(async {
        for mask in [1, 0x20] {
            let mut town = Town::new().await;
            for commit in 0..4 {
                town.commit(0, &[sent(commit * 20), sent(commit * 20 + 1)], commit % 2 == 0);
            }
            let path = town.snapshot(0).slices(Default::default()..town.snapshot(0).durable);
            let path = path.unwrap().remove(0).path;
            assert_eq!(flip_each(&town, &path, mask).await, [0, 0]);
        }
    });
}

#[test]
fn in_a_log_file_of_which_a_view_holds_the_front() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        town.commit(0, &[sent(1), sent(2)], true);
        town.refresh(0).await;
        town.commit(0, &[sent(3)], true);
        let path = town.snapshot(0).slices(Default::default()..town.snapshot(0).durable);
        let path = path.unwrap().remove(0).path;
        // What is damaged in front the view still has right.
        let front = town.monitors[0].sent[1].1.offset as usize;
        assert_eq!(flip_each(&town, &path, 1).await, [front, 0]);
        town.rotate(0);
        town.commit(0, &[sent(4)], true);
        assert_eq!(flip_each(&town, &path, 1).await, [0, 0]);
    });
}

#[test]
fn and_no_row_is_derived_from_it() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        for second in 0..3 {
            town.commit(0, &[sent(second)], false);
        }
        let path = town.snapshot(0).slices(Default::default()..town.snapshot(0).durable);
        let path = path.unwrap().remove(0).path;
        let queue = town.monitors[0].folder.queue(Generation::new(1));
        let digit = (0..).find(|at| {
            let mut bytes = [0; 8];
            town.disk.open(&path, Mode::Read).unwrap().read_exact_at(&mut bytes, *at).unwrap();
            bytes == *b"0.001000"
        });
        let file = town.disk.open(&path, Mode::Write).unwrap();
        file.write_at(b"0.009", digit.unwrap()).unwrap();
        town.disk.open(&queue, Mode::Write).unwrap().truncate(0).unwrap();
        let refused = town.monitors[0].refresher.refresh().await.unwrap_err();
        assert!(refused.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{refused}");
        assert!(town.realtime_views(0).is_empty());
    });
}
