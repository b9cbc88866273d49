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

/// Every file that may be retired while something reads: views, pages, and the log that is uploaded.
async fn derived(town: &Town) -> Vec<PathBuf> {
    let mut files = town.realtime_views(0);
    for folder in [layout::batch(), layout::manifest_pages()] {
        let listed = town.store.list(&folder).await.unwrap();
        files.extend(listed.iter().map(|file| Path::new("/store").join(file.key.as_str())));
    }
    let log = town.snapshot(0);
    let open = log.generations.last().unwrap().start;
    files.extend(log.slices(open..log.durable).unwrap().into_iter().map(|slice| slice.path));
    files
}

#[test]
fn nothing_where_what_it_answers_from_is_retired_while_it_counts() {
    runtime().block_on(async {
        // With a row a pass the count takes many passes, and answers are taken in many parts.
        for rows in [100_000, 1] {
            let mut town = busy(300).await;
            for hour in 1..6 {
                town.commit(0, &[sent("basket", 3600 * hour, 7), sent("checkout", 3600 * hour, 8)], true);
            }
            town.rotate(0);
            town.upload(0, u64::MAX).await;
            town.rebuild().await;
            town.commit(0, &[sent("basket", 70, 600)], true);
            town.refresh(0).await;
            town.upload(0, u64::MAX).await;
            let (disk, mut files) = (town.disk.clone(), derived(&town).await);
            let mut retire = |_| files.drain(..).for_each(|file| disk.remove(&file).unwrap());
            let asked = Verify { rows, ..Verify::of(Query::everything()) };
            let verdict = verify(&town.reader(Some(0)), &asked, &mut retire).await.unwrap();
            assert_eq!((verdict.differences.as_slice(), verdict.messages), (&[][..], 16), "{rows}");
        }
    });
}

#[test]
fn a_difference_though_the_view_behind_it_is_retired_while_it_counts() {
    runtime().block_on(async {
        let town = busy(300).await;
        let folder = PathBuf::from("/store/master/date=2026-11-21");
        let name = town.disk.list(&folder).unwrap().remove(0).name;
        tamper(&town, &folder.join(&name), "0.000100", "0.000900");
        let disk = town.disk.clone();
        let mut files = derived(&town).await;
        files.retain(|file| file.starts_with("/store/views"));
        let mut retire = |_| files.drain(..).for_each(|file| disk.remove(&file).unwrap());
        let verdict = verify(&town.reader(Some(0)), &Verify::of(Query::everything()), &mut retire).await.unwrap();
        assert!(file_differs(&verdict, &name) && file_differs(&verdict, "batch view"), "{verdict:?}");
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
fn a_batch_view_with_any_byte_flipped_until_a_rebuild_heals_it() {
    runtime().block_on(async {
        let town = busy(300).await;
        let folder = Path::new("/store").join("views/batch/service=basket/date=2026-11-21");
        let file = town.disk.list(&folder).unwrap().remove(0);
        let path = folder.join(&file.name);
        for at in (0..file.len).step_by(29).chain(file.len - 12..file.len) {
            town.damage(&path, at);
            let verdict = verified(&town).await;
            assert!(file_differs(&verdict, &file.name), "byte {at}: {verdict:?}");
            town.damage(&path, at);
        }
        assert_eq!(verified(&town).await.found, 0);
        // The header of the first page: no row tells of it.
        town.damage(&path, 5);
        town.rebuild().await;
        assert_eq!(verified(&town).await.found, 0);
    });
}

#[test]
fn a_realtime_view_with_any_byte_flipped() {
    runtime().block_on(async {
        let town = busy(300).await;
        let path = town.realtime_views(0).remove(0);
        let name = path.file_name().unwrap().to_str().unwrap();
        let length = town.disk.length(&path).unwrap().unwrap();
        for at in (0..length).step_by(31).chain(length - 12..length) {
            town.damage(&path, at);
            let verdict = verified(&town).await;
            assert!(file_differs(&verdict, name), "byte {at}: {verdict:?}");
            town.damage(&path, at);
        }
        assert_eq!(verified(&town).await.found, 0);
    });
}

/// Makes the file of `path` these bytes; without any, removes it.
fn put(town: &Town, path: &Path, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => storage::publish_replacing(&*town.disk, path, bytes).unwrap(),
        None => town.disk.remove(path).unwrap(),
    }
}

#[test]
fn a_dated_file_that_is_gone_short_or_long_and_what_that_takes_away() {
    runtime().block_on(async {
        for covered in [true, false] {
            let mut town = busy(300).await;
            if !covered {
                // A cut that no build has taken in, and no view of it in the store.
                town.rotate(0);
                town.upload(0, u64::MAX).await;
            }
            let listed = town.store.list(&layout::master()).await.unwrap();
            let file = if covered { &listed[0] } else { &listed[1] };
            let (name, path) = (file.key.name(), Path::new("/store").join(file.key.as_str()));
            let intact = town.store.read(&file.key).await.unwrap();
            let line = intact.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            let longer = [&intact[..], b"{}\n"].concat();
            for (bytes, lost) in [
                (None, true),
                (Some(&b""[..]), true),
                (Some(&intact[..line]), true),
                (Some(&intact[..line + 5]), true),
                (Some(&longer[..]), false),
            ] {
                put(&town, &path, bytes);
                let reader = town.reader(None);
                let verdict = verify(&reader, &Verify::of(Query::everything()), &mut |_| ()).await.unwrap();
                assert!(file_differs(&verdict, name), "{bytes:?}: {verdict:?}");
                let says = |found: &&Difference| {
                    found.to_string().contains(name) && found.to_string().contains("messages of east")
                };
                assert!(verdict.differences.iter().any(|found| says(&found)), "{bytes:?}: {verdict:?}");
                let rows = verdict.differences.iter().any(|found| matches!(found, Difference::Row { .. }));
                assert!(!rows, "the views are right: {verdict:?}");

                let answer = query(&reader, &Query::everything()).await;
                if lost && !covered {
                    assert!(answer.unwrap_err().to_string().contains(name));
                }
                put(&town, &path, Some(&intact));
            }
            assert_eq!(verified(&town).await.found, 0);
        }
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

/// What no answer reads, but `rebuild --full` would.
#[test]
fn a_damaged_cut_of_a_withdrawn_import() {
    runtime().block_on(async {
        let mut town = busy(300).await;
        town.toggle_import(0, &[sent("basket", 5, 1)]).await;
        town.toggle_import(0, &[sent("basket", 5, 1)]).await;
        town.rebuild().await;
        assert_eq!(verified(&town).await.found, 0);
        let imports = town.store.list(&layout::cuts()).await.unwrap();
        let cuts: Vec<_> = imports.iter().filter(|file| file.key.as_str().starts_with("cuts/import-")).collect();
        assert_eq!(cuts.len(), 2);
        for cut in cuts {
            let path = Path::new("/store").join(cut.key.as_str());
            town.damage(&path, cut.len / 2);
            assert!(file_differs(&verified(&town).await, cut.key.as_str()), "{}", cut.key);
            town.damage(&path, cut.len / 2);
        }
        assert_eq!(verified(&town).await.found, 0);
    });
}

#[test]
fn nothing_where_a_sealed_monitors_file_goes_on_behind_its_last_whole_line() {
    runtime().block_on(async {
        let mut town = busy(300).await;
        town.commit(1, &[sent("basket", 5, 700), sent("checkout", 6, 800)], true);
        let log = town.snapshot(1);
        town.upload(1, log.durable.offset - 7).await;
        let now = micros(TODAY);
        log::seal::seal(&*town.store, &town.monitors[1].id, &schema::Metrics::default(), now).await.unwrap();
        for rebuilt in [false, true] {
            if rebuilt {
                town.rebuild().await;
            }
            let asked = Verify::of(Query::everything());
            let verdict = verify(&town.reader(Some(0)), &asked, &mut |_| ()).await.unwrap();
            assert_eq!((verdict.differences.as_slice(), verdict.messages), (&[][..], 6), "rebuilt: {rebuilt}");
        }
    });
}

/// What a deep verification finds on the machine of the first monitor, and how many bytes it compared.
async fn deeply(town: &Town) -> (Verdict, u64) {
    let asked = Verify { deep: true, ..Verify::of(Query::everything()) };
    let verdict = verify(&town.reader(Some(0)), &asked, &mut |_| ()).await.unwrap();
    let compared = verdict.compared;
    (verdict, compared)
}

/// A busy town of which everything is in the store too, the open generation's log and its view.
async fn uploaded() -> Town {
    let mut town = busy(300).await;
    town.upload(0, u64::MAX).await;
    town.publish_views(0).await;
    town
}

#[test]
fn nothing_where_every_copy_is_what_is_here_and_may_lag_behind() {
    runtime().block_on(async {
        let mut town = uploaded().await;
        let (verdict, compared) = deeply(&town).await;
        assert_eq!(verdict.differences, []);
        town.commit(0, &[sent("basket", 4, 600)], true);
        let (verdict, lagging) = deeply(&town).await;
        assert_eq!((verdict.differences.as_slice(), lagging), (&[][..], compared));
        let log: u64 = town.snapshot(0).generations.iter().flat_map(|of| &of.pieces).map(|piece| piece.bytes.end).sum();
        assert!(compared >= log - 200 && compared > 0, "{compared} of {log}");
    });
}

#[test]
fn a_copy_in_the_store_that_is_not_what_is_here_when_it_looks_deeply() {
    runtime().block_on(async {
        for folder in [layout::master(), layout::realtime_of_monitor(&Town::new().await.monitors[0].id)] {
            let town = uploaded().await;
            // The newest file of each is what no cut names yet.
            let copy = town.store.list(&folder).await.unwrap().pop().unwrap().key;
            town.damage(&Path::new("/store").join(copy.as_str()), 20);
            assert_eq!(verified(&town).await.differences, [], "only a deep look sees it");
            let (verdict, _) = deeply(&town).await;
            assert!(file_differs(&verdict, copy.name()) && verdict.found == 1, "{:?}", verdict.differences);
        }
    });
}

#[test]
fn a_copy_that_is_longer_than_what_was_committed_when_it_looks_deeply() {
    runtime().block_on(async {
        let town = uploaded().await;
        let copy = town.store.list(&layout::master()).await.unwrap().pop().unwrap();
        town.store.append(&copy.key, copy.len, "more\n".into()).await.unwrap();
        let (verdict, _) = deeply(&town).await;
        assert!(file_differs(&verdict, copy.key.name()) && verdict.found == 1, "{:?}", verdict.differences);
    });
}
