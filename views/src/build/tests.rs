//! Builds against brute force: folding forward, counting from nothing and a plain count agree, through crashes,
//! races, damage, late data and withdrawn imports.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use storage::{Clock, SimDisk, is_crash};
use tokio::runtime::Runtime;

use super::*;
use crate::fixture::{DAY, MINUTE, Sent, World, messages, micros, sent};
use crate::manifest::Partition;
use crate::retire::Retirer;

/// Something that happens to a store.
#[derive(Clone, Debug)]
enum Step {
    Cut(&'static str, Vec<Sent>),
    ToggleImport(u8, Vec<Sent>),
    Rebuild,
    DaysPass(i64),
    DamageAView(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let monitor = prop::sample::select(vec!["east", "west-2"]);
    let step = prop_oneof![
        4 => (monitor, messages(30)).prop_map(|(id, messages)| Step::Cut(id, messages)),
        2 => (0..2_u8, messages(12)).prop_map(|(import, messages)| Step::ToggleImport(import, messages)),
        4 => Just(Step::Rebuild),
        1 => (0..25_i64).prop_map(Step::DaysPass),
        1 => (0..50_usize).prop_map(Step::DamageAView),
    ];
    prop::collection::vec(step, 1..12)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(future)
}

async fn check(world: &World) {
    assert_eq!(world.batch().await.unwrap(), world.model());
    let Some(manifest) = Manifest::newest(&*world.store).await.unwrap() else { return };
    let current = manifest.latest_tick.date().month();
    for page in &manifest.pages {
        assert_eq!(page.period, page.period.at(current));
        let partitions = page.read(&*world.store).await.unwrap();
        assert!(partitions.is_sorted_by(|a, b| a.service < b.service), "a service stands on a page twice");
        let sum = |of: fn(&Partition) -> u64| partitions.iter().map(of).sum::<u64>();
        assert_eq!(
            (page.partitions, page.rows, page.messages),
            (partitions.len() as u64, sum(|p| p.rows), sum(|p| p.messages))
        );
    }
    assert!(manifest.pages.is_sorted_by(|a, b| a.period.minutes().end() < b.period.minutes().start()));
}

async fn go(world: &mut World, step: Step) {
    match step {
        Step::Cut(id, messages) => world.cut(id, &messages).await,
        Step::ToggleImport(import, messages) => world.toggle_import(import, &messages).await,
        Step::DaysPass(days) => world.clock.advance(days * DAY),
        Step::Rebuild => {
            world.rebuild(false).await.unwrap();
            check(world).await;
        }
        Step::DamageAView(nth) => {
            let Some(manifest) = Manifest::newest(&*world.store).await.unwrap() else { return };
            let files = manifest.partitions(&*world.store).await.unwrap();
            if let Some(partition) = files.get(nth) {
                world.damage(&partition.key()).await;
                // Only what a build has to read is noticed by it; the rest is counted from nothing.
                world.rebuild(true).await.unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn folding_forward_equals_counting_from_nothing_equals_brute_force(steps in steps(), spills in any::<bool>()) {
        block_on(async {
            let mut world = World::simulated();
            world.memory = if spills { 1 } else { 1 << 20 };
            for step in steps {
                go(&mut world, step).await;
            }
            world.rebuild(false).await.unwrap();
            check(&world).await;
            let Some(forward) = Manifest::newest(&*world.store).await.unwrap() else { return };
            let full = world.rebuild(true).await.unwrap().manifest.unwrap();
            assert_eq!(full.number, forward.number + 1);
            assert_eq!(full.content, forward.content);
            assert_eq!((&full.monitors, &full.imports, full.latest_tick), (&forward.monitors, &forward.imports, forward.latest_tick));
            check(&world).await;
        });
    }
}

fn a_few(n: i64) -> Vec<Sent> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(sent(), 40);
    let mut messages = strategy.new_tree(&mut runner).unwrap().current();
    messages.iter_mut().for_each(|message| message.time = micros(message.time.get() + n * 5 * MINUTE));
    messages
}

#[test]
fn a_build_without_news_publishes_nothing() {
    block_on(async {
        let mut world = World::simulated();
        assert!(world.rebuild(false).await.unwrap().manifest.is_none());
        world.cut("east", &a_few(0)).await;
        assert!(world.rebuild(false).await.unwrap().published);
        assert!(!world.rebuild(false).await.unwrap().published);
        assert_eq!(world.newest().await.number, 1);
    });
}

#[test]
fn an_empty_cut_is_covered_and_every_file_is_carried_over() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        let before = world.rebuild(false).await.unwrap().manifest.unwrap();
        world.cut("east", &[]).await;
        let built = world.rebuild(false).await.unwrap();
        let after = built.manifest.unwrap();
        assert_eq!((built.written, built.files), (0, 0));
        assert_eq!((&after.pages, &after.content), (&before.pages, &before.content));
        assert_eq!(after.monitors[0].generation, before.monitors[0].generation.next());
    });
}

#[test]
fn a_build_after_a_crash_at_any_operation_finds_the_newest_manifest_and_all_its_files() {
    block_on(async {
        let mut operations = 1;
        for operation in 1.. {
            let disk = SimDisk::new(operation);
            let mut world = World::over(Arc::new(disk.clone()));
            world.cut("east", &a_few(0)[..12]).await;
            world.rebuild(false).await.unwrap();
            let before = world.model();
            world.cut("west", &a_few(3)[20..26]).await;
            disk.crash_at_operation(operation);
            let crashed = world.rebuild(false).await;
            if let Err(error) = &crashed {
                assert!(is_crash(error), "operation {operation}: {error}");
            }
            let world = world.on(Arc::new(disk.restart()));
            let found = world.batch().await.unwrap();
            assert!(found == before || found == world.model(), "operation {operation}");
            assert!(crashed.is_err() || found == world.model(), "operation {operation}");
            world.rebuild(false).await.unwrap();
            assert_eq!(world.batch().await.unwrap(), world.model(), "operation {operation}");
            if crashed.is_ok() {
                operations = operation;
                break;
            }
        }
        assert!(operations > 20, "only {operations} operations were crashed at");
    });
}

#[test]
fn of_two_builds_at_once_one_wins_and_the_other_leaves_nothing() {
    block_on(async {
        for _ in 0..20 {
            let mut world = World::simulated();
            world.cut("east", &a_few(0)).await;
            let (one, other) = tokio::join!(world.rebuild(false), world.rebuild(false));
            let won = [&one, &other].iter().filter(|built| built.as_ref().is_ok_and(|built| built.published)).count();
            assert_eq!(won, 1);
            assert!([one, other].iter().all(|built| matches!(built, Ok(_) | Err(ViewError::Overtaken { number: 1 }))));
            assert_eq!(world.batch().await.unwrap(), world.model());
            let named = world.partitions().await.len();
            assert_eq!(world.store.list(&storage::layout::batch()).await.unwrap().len(), named);
            let pages = world.newest().await.pages.len();
            assert_eq!(world.store.list(&storage::layout::manifest_pages()).await.unwrap().len(), pages);
        }
    });
}

#[test]
fn a_damaged_view_is_counted_again_when_it_would_be_folded_forward() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        world.rebuild(false).await.unwrap();
        let partitions = world.partitions().await;
        for partition in &partitions {
            world.damage(&partition.key()).await;
        }
        world.store.delete(&partitions[0].key()).await.unwrap();
        world.cut("west", &a_few(0)).await;
        let built = world.rebuild(false).await.unwrap();
        assert!(!built.again.is_empty());
        assert_eq!(world.batch().await.unwrap(), world.model());
    });
}

#[test]
fn a_sound_view_in_the_place_of_another_is_not_folded_on() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        world.rebuild(false).await.unwrap();
        let partitions = world.partitions().await;
        let [one, other] = [&partitions[0], &partitions[1]].map(Partition::key);
        let bytes = world.store.read(&other).await.unwrap();
        world.store.replace(&one, bytes).await.unwrap();
        world.cut("west", &a_few(0)).await;
        assert!(!world.rebuild(false).await.unwrap().again.is_empty());
        check(&world).await;
    });
}

#[test]
fn a_damaged_manifest_is_named_and_a_rebuild_replaces_it() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        world.rebuild(false).await.unwrap();
        let key = storage::layout::manifest(1);
        world.damage(&key).await;
        let refused = Manifest::newest(&*world.store).await;
        assert!(matches!(refused, Err(ViewError::Corrupt { name, .. }) if name == key.to_string()));
        assert_eq!(world.rebuild(false).await.unwrap().manifest.unwrap().number, 2);
        assert_eq!(world.batch().await.unwrap(), world.model());
    });
}

#[test]
fn a_damaged_dated_file_is_refused_by_name_and_the_manifest_stands() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        world.rebuild(false).await.unwrap();
        let before = world.model();
        world.cut("west", &a_few(1)).await;
        let files = world.store.list(&storage::layout::master()).await.unwrap();
        let west = files.iter().find(|file| file.key.name().starts_with("west")).unwrap().key.clone();
        let intact = world.store.read(&west).await.unwrap();
        // A digit that changes is a message all the same: only the checksum tells.
        let digit = intact.iter().position(|byte| *byte == b'1').unwrap();
        let mut changed = intact.to_vec();
        changed[digit] = b'2';
        let longer = [&intact[..], b"{}\n"].concat();
        for damaged in
            [changed, intact[..intact.len() - 1].to_vec(), intact[..10].to_vec(), vec![b'x'; intact.len()], longer]
        {
            world.store.replace(&west, damaged.into()).await.unwrap();
            let refused = world.rebuild(false).await;
            assert!(
                matches!(&refused, Err(ViewError::DatedFile { name, .. }) if name.contains(west.as_str())),
                "{refused:?}"
            );
            assert_eq!(world.batch().await.unwrap(), before);
        }
        world.store.replace(&west, intact).await.unwrap();
        world.rebuild(false).await.unwrap();
        assert_eq!(world.batch().await.unwrap(), world.model());
    });
}

#[test]
fn a_lost_or_damaged_view_is_made_again_though_nothing_is_new() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        let built = world.rebuild(false).await.unwrap().manifest.unwrap();
        let first = async || world.partitions().await.remove(0).key();
        world.store.delete(&first().await).await.unwrap();
        let healed = world.rebuild(false).await.unwrap();
        assert!(healed.published && healed.again == [built.pages[0].period]);
        check(&world).await;

        let bytes = world.store.read(&first().await).await.unwrap();
        let mut changed = bytes.to_vec();
        changed[bytes.len() / 3] ^= 1;
        for bad in [bytes.slice(..bytes.len() - 1), changed.into()] {
            world.store.replace(&first().await, bad).await.unwrap();
            assert!(world.rebuild(false).await.unwrap().published);
            check(&world).await;
        }
        assert_eq!(world.newest().await.content, built.content);
        assert!(!world.rebuild(false).await.unwrap().published);
    });
}

#[test]
fn a_view_that_is_gone_is_not_carried_over_for_ever() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        let pages = world.rebuild(false).await.unwrap().manifest.unwrap().pages.len();
        assert!(pages > 1);
        for which in [0, pages / 2, pages - 1] {
            let page = world.newest().await.pages[which].clone();
            let gone = page.read(&*world.store).await.unwrap().remove(0).key();
            world.store.delete(&gone).await.unwrap();
            let mut again = Vec::new();
            for _ in 0..pages {
                world.cut("east", &[]).await;
                again.extend(world.rebuild(false).await.unwrap().again);
            }
            assert_eq!(again, [page.period]);
            check(&world).await;
        }
    });
}

#[test]
fn a_build_reads_and_writes_what_belongs_to_its_news_alone() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        let before = world.rebuild(false).await.unwrap().manifest.unwrap();
        let turn = (before.number as usize) % before.pages.len();
        let changed = if turn == 0 { 1 } else { 0 };
        let minutes = before.pages[changed].period.minutes();
        let news: Vec<_> = a_few(0).into_iter().filter(|sent| minutes.contains(&sent.time.minute())).collect();
        let services: std::collections::BTreeSet<_> = news.iter().map(|sent| sent.service).collect();

        // What a build does not open it cannot miss.
        for (_, page) in before.pages.iter().enumerate().filter(|(at, _)| *at != changed && *at != turn) {
            for partition in page.read(&*world.store).await.unwrap() {
                world.store.delete(&partition.key()).await.unwrap();
            }
            world.store.delete(&page.key()).await.unwrap();
        }
        world.cut("west", &news).await;
        let built = world.rebuild(false).await.unwrap();
        let after = built.manifest.unwrap();
        assert_eq!((built.written, built.again), (services.len(), Vec::new()));
        for (at, (one, other)) in before.pages.iter().zip(&after.pages).enumerate() {
            assert_eq!(one == other, at != changed, "page {at}");
        }
        assert!(before.pages.len() > 3, "only {} pages", before.pages.len());
    });
}

#[test]
fn a_lost_or_damaged_page_has_its_period_counted_again() {
    block_on(async {
        let mut world = World::simulated();
        world.cut("east", &a_few(0)).await;
        world.rebuild(false).await.unwrap();
        let content = world.newest().await.content.clone();
        for (damaged, news) in [(true, true), (true, false), (false, true), (false, false)] {
            for page in &world.newest().await.pages {
                match damaged {
                    true => world.damage(&page.key()).await,
                    false => world.store.delete(&page.key()).await.unwrap(),
                }
            }
            assert!(world.batch().await.is_err());
            if news {
                // The same messages, so that every page is opened.
                world.cut("west", &a_few(0)).await;
                world.rebuild(false).await.unwrap();
                world.rebuild(false).await.unwrap();
            } else {
                assert!(world.rebuild(false).await.unwrap().published);
            }
            check(&world).await;
        }
        assert_ne!(world.newest().await.content, content);
    });
}

/// The name in the error, if a cut is refused.
fn refused_cut(built: Result<Built>) -> String {
    match built {
        Err(ViewError::Cut { name, .. }) => name,
        Err(other) => panic!("{other}"),
        Ok(built) => panic!("published: {}", built.published),
    }
}

#[test]
fn a_missing_or_damaged_cut_is_refused_by_name_and_the_manifest_stands() {
    block_on(async {
        let mut world = World::simulated();
        for n in 0..3 {
            world.cut("east", &a_few(n)).await;
        }
        world.toggle_import(7, &a_few(4)).await;
        world.rebuild(false).await.unwrap();
        let before = world.model();
        world.cut("east", &a_few(5)).await;
        world.cut("east", &a_few(6)).await;

        // Whichever is missing, one that is covered or one that is new, a full build misses it.
        let cuts = world.store.list(&storage::layout::cuts()).await.unwrap();
        assert_eq!(cuts.len(), 6);
        for cut in &cuts[..5] {
            let intact = world.store.read(&cut.key).await.unwrap();
            let newest = cut.key.name() == "0000000005.json";
            world.store.delete(&cut.key).await.unwrap();
            if !newest {
                assert_eq!(refused_cut(world.rebuild(true).await), cut.key.as_str());
            }
            if cut.key.name() == "0000000004.json" {
                assert_eq!(refused_cut(world.rebuild(false).await), cut.key.as_str());
            }
            world.store.create(&cut.key, intact.clone()).await.unwrap();
            world.damage(&cut.key).await;
            assert!(world.rebuild(true).await.unwrap_err().to_string().contains(cut.key.as_str()));
            world.store.replace(&cut.key, intact).await.unwrap();
        }
        let import = &cuts[5].key;
        let intact = world.store.read(import).await.unwrap();
        world.store.delete(import).await.unwrap();
        assert_eq!(refused_cut(world.rebuild(true).await), import.as_str());
        assert_eq!(world.batch().await.unwrap(), before);

        world.store.create(import, intact).await.unwrap();
        world.rebuild(true).await.unwrap();
        assert_eq!(world.batch().await.unwrap(), world.model());
    });
}

#[test]
fn a_local_store_is_read_in_place() {
    let root = tempfile::tempdir().unwrap();
    block_on(async {
        let mut world = World::local(root.path());
        world.cut("east", &a_few(0)).await;
        world.rebuild(false).await.unwrap();
        world.cut("east", &a_few(2)).await;
        world.rebuild(false).await.unwrap();
        assert_eq!(world.batch().await.unwrap(), world.model());
    });
}

#[test]
fn superseded_files_go_after_the_grace_and_no_sooner_and_never_one_that_is_named() {
    block_on(async {
        let mut world = World::simulated();
        let grace = 10 * MINUTE;
        let (mut retirer, mut stranger) = (Retirer::new(grace), Retirer::new(grace));
        world.cut("east", &a_few(0)).await;
        world.rebuild(false).await.unwrap();
        retirer.run(&*world.store, world.clock.now()).await.unwrap();
        world.rebuild(true).await.unwrap();
        let listed = async || world.store.list(&storage::layout::batch()).await.unwrap().len();
        let named = world.partitions().await.len();
        assert_eq!(listed().await, 2 * named);
        let pages = async || world.store.list(&storage::layout::manifest_pages()).await.unwrap().len();
        assert_eq!(pages().await, 2 * world.newest().await.pages.len());

        let first = retirer.run(&*world.store, world.clock.now()).await.unwrap();
        assert_eq!((first.files, first.manifests), (0, 0));
        world.clock.advance(grace - 1);
        assert_eq!(retirer.run(&*world.store, world.clock.now()).await.unwrap().files, 0);
        // Another deleter starts counting when it first sees them, wherever they come from.
        stranger.run(&*world.store, world.clock.now()).await.unwrap();
        world.clock.advance(1);
        assert_eq!(stranger.run(&*world.store, world.clock.now()).await.unwrap().files, 0);
        let retired = retirer.run(&*world.store, world.clock.now()).await.unwrap();
        assert_eq!((retired.files, retired.manifests), (named, 1));
        assert_eq!(listed().await, named);
        assert_eq!(pages().await, world.newest().await.pages.len());
        assert_eq!(world.batch().await.unwrap(), world.model());
        // The tombstone keeps its number taken.
        assert_eq!(world.rebuild(true).await.unwrap().manifest.unwrap().number, 3);
    });
}
