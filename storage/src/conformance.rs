//! The one suite that every [`Store`] passes: the trait's promises, as far as a
//! caller can see them without a crash.
//!
//! A failed check panics with what it expected. Times, crashes and outages are
//! each implementation's own tests.

#![allow(clippy::expect_used, reason = "a check fails by panicking")]

mod model;

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use crate::{Created, Key, Store, StoreError};

/// Runs every check against `store`, which must be empty; leaves files behind.
///
/// # Panics
/// At the first promise that is broken.
pub async fn suite(store: &dyn Store) {
    an_empty_store_has_nothing(store).await;
    a_created_file_is_whole_and_stays(store).await;
    exactly_one_of_many_creates_a_file(store).await;
    a_range_ends_where_the_file_ends(store).await;
    an_append_lengthens_the_file(store).await;
    an_append_at_the_wrong_length_changes_nothing(store).await;
    replacing_leaves_nothing_of_the_old_file(store).await;
    a_deleted_file_is_gone_and_can_come_back(store).await;
    a_folder_lists_what_is_below_it_in_order(store).await;
    every_key_can_be_a_file(store).await;
    removing_temporaries_leaves_every_file(store).await;
    megabytes_come_back_as_they_were(store).await;
    for seed in 0..4 {
        model::random_calls_agree_with_a_map(store, seed).await;
    }
}

async fn an_empty_store_has_nothing(store: &dyn Store) {
    let absent = key("empty/absent");
    assert_eq!(store.list(&Key::root()).await.expect("list"), [], "the store must be empty");
    assert_eq!(store.list_folders(&Key::root()).await.expect("list folders"), [""; 0]);
    assert_eq!(store.list(&key("empty")).await.expect("list an absent folder"), []);
    assert_eq!(store.length(&absent).await.expect("length"), None);
    assert!(matches!(store.read(&absent).await, Err(StoreError::NotFound { key }) if key == absent));
    assert!(matches!(store.read_range(&absent, 0..1).await, Err(StoreError::NotFound { .. })));
    store.delete(&absent).await.expect("deleting an absent file is fine");
}

async fn a_created_file_is_whole_and_stays(store: &dyn Store) {
    let (file, empty) = (key("create/file"), key("create/empty"));
    assert_eq!(store.create(&file, bytes("first")).await.expect("create"), Created::Created);
    assert_eq!(store.create(&file, bytes("second")).await.expect("create again"), Created::Exists);
    assert_eq!(store.create(&empty, Bytes::new()).await.expect("create empty"), Created::Created);
    assert_eq!(store.create(&empty, bytes("x")).await.expect("create empty again"), Created::Exists);
    holds(store, &file, "first").await;
    holds(store, &empty, "").await;
}

async fn exactly_one_of_many_creates_a_file(store: &dyn Store) {
    for round in 0..8 {
        let file = key(&format!("race/{round}"));
        let (a, b, c) = tokio::join!(
            store.create(&file, bytes("a")),
            store.create(&file, bytes("bb")),
            store.create(&file, bytes("ccc")),
        );
        let outcomes = [a, b, c].map(|outcome| outcome.expect("create"));
        let winners = outcomes.iter().filter(|outcome| **outcome == Created::Created).count();
        assert_eq!(winners, 1, "{outcomes:?}");
        let won = outcomes.iter().position(|outcome| *outcome == Created::Created).unwrap_or(0);
        holds(store, &file, ["a", "bb", "ccc"][won]).await;
    }
}

async fn a_range_ends_where_the_file_ends(store: &dyn Store) {
    let file = key("range/file");
    store.create(&file, bytes("0123456789")).await.expect("create");
    for (range, expected) in
        [(0..10, "0123456789"), (3..5, "34"), (8..99, "89"), (0..u64::MAX, "0123456789"), (10..20, ""), (4..4, "")]
    {
        let found = store.read_range(&file, range.clone()).await.expect("read range");
        assert_eq!(found, bytes(expected), "{range:?}");
        assert_eq!(in_pieces(store, &file, range.clone()).await, bytes(expected), "{range:?} in pieces");
    }
    let absent = key("range/absent");
    let pieces = store.read_pieces(&absent, 0..1).await;
    let found = match pieces {
        Ok(mut pieces) => pieces.next().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(found, Err(StoreError::NotFound { key }) if key == absent));
}

async fn an_append_lengthens_the_file(store: &dyn Store) {
    let file = key("append/file");
    store.append(&file, 0, bytes("one\n")).await.expect("the first append creates the file");
    holds(store, &file, "one\n").await;
    store.append(&file, 4, bytes("two\n")).await.expect("append");
    store.append(&file, 8, Bytes::new()).await.expect("append nothing");
    store.append(&file, 8, bytes("three\n")).await.expect("append");
    holds(store, &file, "one\ntwo\nthree\n").await;
    assert_eq!(store.read_range(&file, 2..6).await.expect("read across appends"), bytes("e\ntw"));
    assert_eq!(store.list(&key("append")).await.expect("list").len(), 1, "one file, however it grew");
    assert_eq!(store.create(&file, bytes("x")).await.expect("create"), Created::Exists);
}

async fn an_append_at_the_wrong_length_changes_nothing(store: &dyn Store) {
    let (file, absent) = (key("length/file"), key("length/absent"));
    store.append(&file, 0, bytes("four")).await.expect("append");
    for wrong in [0, 3, 5] {
        let refused = store.append(&file, wrong, bytes("x")).await;
        let Err(StoreError::WrongLength { expected, found, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((expected, found), (wrong, 4));
    }
    let refused = store.append(&absent, 3, bytes("x")).await;
    assert!(matches!(refused, Err(StoreError::WrongLength { expected: 3, found: 0, .. })), "{refused:?}");
    holds(store, &file, "four").await;
    assert_eq!(store.length(&absent).await.expect("length"), None);
}

async fn replacing_leaves_nothing_of_the_old_file(store: &dyn Store) {
    let file = key("replace/file");
    for content in ["first, and long", "short", "", "long again, longer than ever"] {
        store.replace(&file, bytes(content)).await.expect("replace");
        holds(store, &file, content).await;
    }
    assert_eq!(store.list(&key("replace")).await.expect("list").len(), 1, "no temporary is listed");
}

async fn a_deleted_file_is_gone_and_can_come_back(store: &dyn Store) {
    let (made, grown) = (key("delete/made"), key("delete/grown"));
    for round in ["1", "2"] {
        assert_eq!(store.create(&made, bytes(round)).await.expect("create"), Created::Created);
        store.append(&grown, 0, bytes("a")).await.expect("append");
        store.append(&grown, 1, bytes(round)).await.expect("append");
        for file in [&made, &grown] {
            store.delete(file).await.expect("delete");
            assert_eq!(store.length(file).await.expect("length"), None);
            assert!(matches!(store.read(file).await, Err(StoreError::NotFound { .. })));
            store.delete(file).await.expect("delete again");
        }
        assert_eq!(store.list(&key("delete")).await.expect("list"), []);
    }
}

async fn a_folder_lists_what_is_below_it_in_order(store: &dyn Store) {
    let names = ["list/a", "list/a-b", "list/a/x", "list/b/c/d", "list/b/c2", "listed/x"];
    // No store has a file and a folder of the same name.
    for name in names.iter().filter(|name| **name != "list/a") {
        store.create(&key(name), bytes(name)).await.expect("create");
    }
    let listed = store.list(&key("list")).await.expect("list");
    let found: Vec<(&str, u64)> = listed.iter().map(|file| (file.key.as_str(), file.len)).collect();
    assert_eq!(found, [("list/a-b", 8), ("list/a/x", 8), ("list/b/c/d", 10), ("list/b/c2", 9)]);
    assert_eq!(store.list_folders(&key("list")).await.expect("list folders"), ["a", "b"]);
    assert_eq!(store.list_folders(&key("list/b")).await.expect("list folders"), ["c"]);
    assert_eq!(store.list_folders(&key("list/b/c")).await.expect("list folders"), [""; 0]);
    let all = store.list(&Key::root()).await.expect("list everything");
    assert!(all.is_sorted() && all.len() > listed.len());
    let folders = store.list_folders(&Key::root()).await.expect("list folders");
    assert!(folders.is_sorted() && folders.iter().any(|name| name == "listed"));
}

async fn every_key_can_be_a_file(store: &dyn Store) {
    let longest = "x".repeat(Key::MAX_PART);
    for name in ["service=pay%2F%C3%A4", "a~b", ".hidden", "_SUCCESS", "a=b=c", "%2E", "...", &longest] {
        let file = key("keys").join(name).expect("a part");
        store.append(&file, 0, bytes("ab")).await.expect("append");
        holds(store, &file, "ab").await;
        store.delete(&file).await.expect("delete");
        store.replace(&file, bytes(name)).await.expect("replace");
        holds(store, &file, name).await;
        let inside = key("folders").join(name).and_then(|folder| folder.join("file")).expect("a key");
        store.create(&inside, bytes("x")).await.expect("create");
        assert!(store.list_folders(&key("folders")).await.expect("list folders").iter().any(|found| found == name));
    }
}

async fn removing_temporaries_leaves_every_file(store: &dyn Store) {
    let before = store.list(&Key::root()).await.expect("list");
    store.remove_temporaries(Duration::ZERO).await.expect("remove temporaries");
    assert_eq!(store.list(&Key::root()).await.expect("list"), before);
}

async fn megabytes_come_back_as_they_were(store: &dyn Store) {
    let file = key("large/file");
    let content: Bytes = (0..3_u32 << 18).flat_map(u32::to_le_bytes).collect();
    let half = content.len() / 2 + 1;
    store.append(&file, 0, content.slice(..half)).await.expect("append");
    store.append(&file, half as u64, content.slice(half..)).await.expect("append");
    assert!(store.read(&file).await.expect("read") == content);
    assert!(in_pieces(store, &file, 1..u64::MAX).await == content.slice(1..), "in pieces");
    let range = half as u64 - 5..half as u64 + 5;
    assert_eq!(store.read_range(&file, range).await.expect("read range"), content.slice(half - 5..half + 5));
}

async fn in_pieces(store: &dyn Store, file: &Key, range: Range<u64>) -> Bytes {
    let mut pieces = store.read_pieces(file, range).await.expect("read pieces");
    let mut all = Vec::new();
    while let Some(piece) = pieces.next().await.expect("a piece") {
        assert!(!piece.is_empty(), "no piece is empty");
        all.extend_from_slice(&piece);
    }
    assert!(pieces.next().await.expect("behind the last piece").is_none());
    all.into()
}

/// The file holds exactly this, whichever way one looks.
async fn holds(store: &dyn Store, file: &Key, expected: &str) {
    assert_eq!(store.read(file).await.expect("read"), bytes(expected), "{file}");
    assert_eq!(store.length(file).await.expect("length"), Some(expected.len() as u64), "{file}");
    if let Some(path) = store.local_path(file) {
        assert!(path.ends_with(file.as_str()), "{}", path.display());
    }
}

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
