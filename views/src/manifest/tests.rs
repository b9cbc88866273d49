//! Manifests: what is written is read back, the newest is found from any hint, and damage is refused by name.

use std::sync::Arc;

use proptest::prelude::*;
use schema::{Minute, ServiceName};
use storage::{FileStore, SimDisk, Store, layout, sealed};
use tokio::runtime::Runtime;

use super::*;
use crate::error::ViewError;
use crate::period::Period;

fn partition(service: &'static str, period: Period) -> impl Strategy<Value = Partition> {
    let names = (any::<u64>(), any::<u32>());
    (names, any::<[u32; 3]>(), any::<[u32; 2]>(), 0..1000_u32).prop_map(
        move |((base, attempt), [rows, messages, bytes], [file_crc32c, rows_crc32c], first)| {
            let [rows, messages, bytes] = [rows, messages, bytes].map(u64::from);
            let (first, last) = (Minute::new(first).unwrap(), Minute::new(first + 7).unwrap());
            let service = ServiceName::new(service).unwrap();
            Partition { service, period, base, attempt, rows, messages, bytes, file_crc32c, rows_crc32c, first, last }
        },
    )
}

fn partitions() -> impl Strategy<Value = Vec<Partition>> {
    (any::<bool>(), 0..20_000_u32).prop_flat_map(|(month, day)| {
        let date = schema::Date::new(day).unwrap();
        let period = if month { Period::Month(date.month()) } else { Period::Day(date) };
        Vec::from(["a, \"b\" c", "checkout"].map(|service| partition(service, period)))
    })
}

fn manifest(number: u64, pages: Vec<Page>) -> Manifest {
    Manifest {
        version: Manifest::VERSION,
        number,
        base: number - 1,
        nonce: Manifest::fresh_nonce(),
        built_at: Micros::MIN,
        latest_tick: Micros::MAX,
        monitors: vec![CoveredMonitor {
            monitor: MonitorId::new("east").unwrap(),
            incarnation: Incarnation::new(7),
            generation: Generation::new(3),
            position: Position::new(4, 0),
            messages: 12,
            latest: Some(Micros::MIN),
        }],
        imports: vec![CoveredImport {
            import: ImportHash([3; 32]),
            cut: Generation::new(1),
            messages: 0,
            latest: None,
        }],
        content: Manifest::hash_content(&pages),
        pages,
    }
}

fn store() -> FileStore {
    FileStore::new(Arc::new(SimDisk::new(1)), "/store".into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_manifest_and_its_pages_read_back_as_they_were_published(partitions in partitions(), attempt: u32) {
        Runtime::new().unwrap().block_on(async {
            let store = store();
            let (page, file) = Page::of(partitions[0].period, 9, &partitions).unwrap();
            let page = Page { attempt, ..page };
            store.create(&page.key(), file.into()).await.unwrap();
            let manifest = manifest(1, vec![page]);
            manifest.publish(&store).await.unwrap();
            let found = Manifest::newest(&store).await.unwrap().unwrap();
            assert_eq!(*found, manifest);
            assert_eq!(found.partitions(&store).await.unwrap(), partitions);
        });
    }

    #[test]
    fn a_page_with_another_byte_is_refused_by_name(partitions in partitions(), at: prop::sample::Index, bit in 0..8_u32) {
        Runtime::new().unwrap().block_on(async {
            let store = store();
            let (page, mut file) = Page::of(partitions[0].period, 9, &partitions).unwrap();
            *at.get_mut(&mut file) ^= 1_u8 << bit;
            store.create(&page.key(), file.into()).await.unwrap();
            let refused = page.read(&store).await;
            assert!(matches!(refused, Err(ViewError::Corrupt { name, .. }) if name == page.key().to_string()));
        });
    }
}

#[test]
fn only_one_of_two_manifests_gets_a_number_and_publishing_twice_is_once() {
    Runtime::new().unwrap().block_on(async {
        let store = store();
        let (one, other) = (manifest(1, Vec::new()), manifest(1, Vec::new()));
        one.publish(&store).await.unwrap();
        assert!(matches!(other.publish(&store).await, Err(ViewError::Overtaken { number: 1 })));
        // As after an unknown outcome: what stands there is ours.
        one.publish(&store).await.unwrap();
        assert_eq!(Manifest::newest(&store).await.unwrap().unwrap().nonce, one.nonce);
    });
}

#[test]
fn the_newest_is_found_without_a_hint_with_an_old_one_and_with_a_wrong_one() {
    Runtime::new().unwrap().block_on(async {
        let store = store();
        for number in 1..=5 {
            manifest(number, Vec::new()).publish(&store).await.unwrap();
        }
        for hint in [None, Some("2\n"), Some("5\n"), Some("77\n"), Some("what\n")] {
            store.delete(&layout::manifest_hint()).await.unwrap();
            if let Some(hint) = hint {
                store.replace(&layout::manifest_hint(), hint.into()).await.unwrap();
            }
            assert_eq!(Manifest::newest(&store).await.unwrap().unwrap().number, 5, "{hint:?}");
        }
    });
}

#[test]
fn content_is_hashed_whatever_the_files_are_called() {
    let hash = |partition: &Partition| {
        let (page, _) = Page::of(partition.period, 9, std::slice::from_ref(partition)).unwrap();
        Manifest::hash_content(&[page])
    };
    let text = "56,0a0b0c0d,1440,86400,98304,05060708,01020304,29894400,29895839";
    let period = Period::Day("2026-11-21".parse().unwrap());
    let one = Partition::parse(ServiceName::new("a").unwrap(), period, text).unwrap();
    let renamed = Partition { base: 9, attempt: 4, bytes: 1, file_crc32c: 2, ..one.clone() };
    let other = Partition { rows_crc32c: 5, ..one.clone() };
    assert_eq!(one.to_string(), text);
    assert_eq!(hash(&one), hash(&renamed));
    assert_ne!(hash(&one), hash(&other));
}

#[test]
fn a_manifest_of_another_number_or_version_is_refused_by_name() {
    Runtime::new().unwrap().block_on(async {
        for (number, version) in [(2, 1), (1, 2)] {
            let store = store();
            let wrong = Manifest { version, number, ..manifest(1, Vec::new()) };
            store.create(&layout::manifest(1), sealed::seal(&wrong).unwrap().into()).await.unwrap();
            let refused = Manifest::newest(&store).await;
            assert!(matches!(refused, Err(ViewError::Corrupt { name, .. }) if name.contains("0000000001.json")));
        }
    });
}
