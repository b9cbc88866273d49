//! Damage: what is derived is counted again, what is truth is refused by name.

use super::*;

/// A world with one cut, built.
async fn built() -> World {
    let mut world = World::simulated();
    world.cut("east", &a_few(0)).await;
    world.rebuild(false).await.unwrap();
    world
}

#[test]
fn a_damaged_view_is_counted_again_when_it_would_be_folded_forward() {
    block_on(async {
        let mut world = built().await;
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
        let mut world = built().await;
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
        let world = built().await;
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
        let mut world = built().await;
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
fn a_lost_or_damaged_page_has_its_period_counted_again() {
    block_on(async {
        let mut world = built().await;
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
