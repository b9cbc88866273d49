//! The promise: whatever is wrong in the batch views, the realtime views or
//! the log, verify finds it, by service, minute and column or by file.

use std::path::{Path, PathBuf};

use crate::town::{MINUTE, Sent, TODAY, Town, micros};
use schema::Micros;
use storage::{Disk, Mode, layout, sealed};
use views::{Difference, Manifest, Query, Verdict, Verify, View, query, verify};

fn sent(service: &'static str, second: i64, value: i64) -> Sent {
    Sent::plain(service, micros(TODAY + second * 1_000_000), value)
}

/// A batch view of the first generation, a realtime view of the second, and a
/// tail of the log; the message in the middle has the value `planted`.
async fn busy(planted: i64) -> Town {
    let mut town = Town::new().await;
    town.commit(0, &[sent("basket", 1, 100), sent("checkout", 2, 200)], true);
    town.rotate(0);
    town.upload(0, u64::MAX).await;
    town.rebuild().await;
    town.commit(0, &[sent("basket", 70, planted), sent("checkout", 71, 400)], true);
    town.refresh(0).await;
    town.commit(0, &[sent("basket", 3, 500)], false);
    town
}

async fn verified(town: &Town) -> Verdict {
    verify(&town.reader(Some(0)), &Verify::of(Query::everything()), &mut |_| ()).await.unwrap()
}

fn file_differs(verdict: &Verdict, part: &str) -> bool {
    verdict.differences.iter().any(|found| matches!(found, Difference::File { name, .. } if name.contains(part)))
}

/// The views and columns in which `service` differs at `minute` past TODAY.
fn rows_that_differ(verdict: &Verdict, wanted: &str, past: i64) -> Vec<(View, String)> {
    let at = |minute: Micros| minute.get() - TODAY == past * MINUTE;
    let found = verdict.differences.iter().filter_map(|difference| match difference {
        Difference::Row { view, service, minute, column, .. } if service == wanted && at(minute.start()) => {
            Some((*view, column.clone()))
        }
        _ => None,
    });
    found.collect()
}

/// Makes the first `from` in the file `to`, which is as long.
fn tamper(town: &Town, path: &Path, from: &str, to: &str) {
    let file = town.disk.open(path, Mode::Write).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    file.write_at(to.as_bytes(), at as u64).unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

#[test]
fn nothing_in_a_sound_town() {
    runtime().block_on(async {
        let verdict = verified(&busy(300).await).await;
        assert_eq!((verdict.differences.as_slice(), verdict.found, verdict.messages), (&[][..], 0, 5));
        assert!(verdict.files >= 3 && verdict.rows > 0 && verdict.bytes > 0);
    });
}

#[test]
fn nothing_where_what_it_answers_from_is_retired_while_it_counts() {
    runtime().block_on(async {
        let mut town = busy(300).await;
        town.upload(0, u64::MAX).await;
        let mut files = town.realtime_views(0);
        for view in town.store.list(&layout::batch()).await.unwrap() {
            files.push(Path::new("/store").join(view.key.as_str()));
        }
        let log = town.snapshot(0);
        let open = log.generations.last().unwrap().start;
        files.extend(log.slices(open..log.durable).unwrap().into_iter().map(|slice| slice.path));

        let disk = town.disk.clone();
        let mut retire = |_| files.drain(..).for_each(|file| disk.remove(&file).unwrap());
        let verdict = verify(&town.reader(Some(0)), &Verify::of(Query::everything()), &mut retire).await.unwrap();
        assert_eq!((verdict.differences.as_slice(), verdict.messages), (&[][..], 5));
    });
}

#[test]
fn a_batch_view_that_lacks_rows() {
    runtime().block_on(async {
        let town = busy(300).await;
        let mut manifest = Manifest::clone(&*Manifest::newest(&*town.store).await.unwrap().unwrap());
        let page = &mut manifest.pages[0];
        let file = town.store.read(&page.key()).await.unwrap();
        let mut body: serde_json::Value = sealed::open(&file).unwrap();
        body["partitions"].as_array_mut().unwrap().retain(|partition| partition[0] != "basket");
        let file = sealed::seal(&body).unwrap();
        (page.attempt, page.bytes, page.crc32c) = (!page.attempt, file.len() as u64, crc32c::crc32c(&file));
        town.store.create(&page.key(), file.into()).await.unwrap();
        manifest.number += 1;
        let key = layout::manifest(manifest.number);
        town.store.create(&key, sealed::seal(&manifest).unwrap().into()).await.unwrap();

        let verdict = verified(&town).await;
        let differing = rows_that_differ(&verdict, "basket", 0);
        assert!(differing.contains(&(View::Batch, "msg_num".to_owned())), "{verdict:?}");
        assert!(differing.contains(&(View::Merged, "cpu".to_owned())), "{verdict:?}");
        assert!(!differing.iter().any(|(view, _)| *view == View::Realtime), "{verdict:?}");
        assert!(file_differs(&verdict, "manifest"), "its content hash tells too: {verdict:?}");
    });
}

#[test]
fn a_batch_view_with_a_flipped_bit_unless_that_changes_nothing() {
    runtime().block_on(async {
        let town = busy(300).await;
        let folder = Path::new("/store").join("views/batch/service=basket/date=2026-11-21");
        let file = town.disk.list(&folder).unwrap().remove(0);
        let path = folder.join(&file.name);
        let sound = query(&town.reader(None), &Query::everything()).await.unwrap();
        let (mut found, mut harmless) = (0, 0);
        for at in (0..file.len).step_by(61) {
            town.damage(&path, at);
            if file_differs(&verified(&town).await, &file.name) {
                found += 1;
            } else {
                assert_eq!(query(&town.reader(None), &Query::everything()).await.unwrap(), sound, "byte {at}");
                harmless += 1;
            }
            town.damage(&path, at);
        }
        assert!(found > harmless, "{found} found, {harmless} harmless");
    });
}

#[test]
fn a_realtime_view_with_another_value() {
    runtime().block_on(async {
        let (town, other) = (busy(300).await, busy(301).await);
        let view = town.realtime_views(0).remove(0);
        let file = other.disk.open(&other.realtime_views(0)[0], Mode::Read).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        storage::publish_replacing(&*town.disk, &view, &bytes).unwrap();

        let verdict = verified(&town).await;
        let differing = rows_that_differ(&verdict, "basket", 1);
        for (view, column) in [(View::Realtime, "cpu"), (View::Realtime, "max_disk"), (View::Merged, "ram")] {
            assert!(differing.contains(&(view, column.to_owned())), "{column}: {verdict:?}");
        }
        assert!(!differing.iter().any(|(view, _)| *view == View::Batch), "{verdict:?}");
    });
}

#[test]
fn a_realtime_view_with_a_flipped_bit() {
    runtime().block_on(async {
        let town = busy(300).await;
        let view = town.realtime_views(0).remove(0);
        town.damage(&view, 300);
        assert!(file_differs(&verified(&town).await, "realtime"));
    });
}

#[test]
fn a_dated_file_with_another_digit() {
    runtime().block_on(async {
        let town = busy(300).await;
        let folder = PathBuf::from("/store/master/date=2026-11-21");
        let name = town.disk.list(&folder).unwrap().remove(0).name;
        tamper(&town, &folder.join(&name), "0.000100", "0.000900");
        let verdict = verified(&town).await;
        assert!(file_differs(&verdict, &name), "its checksum: {verdict:?}");
        assert!(rows_that_differ(&verdict, "basket", 0).contains(&(View::Batch, "cpu".to_owned())), "{verdict:?}");
    });
}

#[test]
fn an_open_log_file_with_another_digit() {
    runtime().block_on(async {
        let town = busy(300).await;
        let slice = {
            let log = town.snapshot(0);
            let open = log.generations.last().unwrap().start;
            log.slices(open..log.durable).unwrap().remove(0)
        };
        tamper(&town, &slice.path, "0.000400", "0.000900");
        let name = slice.path.file_name().unwrap().to_str().unwrap();
        let verdict = verified(&town).await;
        assert!(file_differs(&verdict, name), "{verdict:?}");
        let differing = rows_that_differ(&verdict, "checkout", 1);
        assert!(differing.contains(&(View::Realtime, "cpu".to_owned())), "the queue was right: {verdict:?}");
    });
}
