//! Builds against brute force: folding forward, counting from nothing and a plain count agree, through crashes,
//! races, damage, late data and withdrawn imports.

mod damage;

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
