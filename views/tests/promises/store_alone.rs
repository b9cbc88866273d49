//! The promise: whatever a monitor refreshes, rotates, uploads and publishes,
//! and wherever it crashes, the store alone shows every message up to the
//! position last published, once; in few views, each row sent a few times only.

use proptest::prelude::*;
use schema::Position;
use storage::Disk;
use storage::layout::{self, DatedName, RealtimeName};
use views::{Query, View, query};

use crate::town::{MINUTE, Sent, TODAY, Town, count, messages, micros, rows};

/// What happens to the first monitor of a town.
#[derive(Clone, Debug)]
enum Event {
    Commit(Vec<Sent>),
    /// Many rows, so that what follows is small beside them.
    CommitMany(i64),
    /// What a monitor does that nothing holds up.
    Show(Vec<Sent>),
    Refresh,
    Upload(u64),
    Publish,
    Rotate,
    Crash,
    Retire,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => messages(12).prop_map(Event::Commit),
        1 => (0..100_i64).prop_map(Event::CommitMany),
        12 => messages(4).prop_map(Event::Show),
        4 => Just(Event::Refresh),
        4 => prop_oneof![3 => Just(u64::MAX), 1 => 0..3000_u64].prop_map(Event::Upload),
        4 => Just(Event::Publish),
        1 => Just(Event::Rotate),
        1 => Just(Event::Crash),
        2 => Just(Event::Retire),
    ]
}

async fn happen(town: &mut Town, event: &Event, shown: &mut Position) {
    match event {
        Event::Commit(messages) => town.commit(0, messages, true),
        Event::CommitMany(from) => {
            let minutes = (*from..from + 400).map(|minute| TODAY + minute * MINUTE);
            let sent = |time| Sent::plain("checkout", micros(time), time % 1_000_003);
            town.commit(0, &minutes.map(sent).collect::<Vec<_>>(), true);
        }
        Event::Show(messages) => {
            publish(town, messages).await;
            *shown = town.monitors[0].writer.state().position();
        }
        Event::Refresh => town.refresh(0).await,
        Event::Rotate => town.rotate(0),
        Event::Crash => town.restart(0),
        Event::Retire => town.retire(0).await,
        Event::Upload(bytes) => {
            town.upload(0, *bytes).await;
            let log = town.snapshot(0);
            let cuts = log.generations.iter().take_while(|of| of.generation.get() < town.monitors[0].cuts);
            *shown = cuts.filter_map(|of| of.closed.as_ref()).map(|closed| closed.cut).fold(*shown, Position::max);
        }
        Event::Publish => {
            town.publish_views(0).await;
            *shown = publishable(town).max(*shown);
        }
    }
}

fn name(path: &std::path::Path) -> RealtimeName {
    RealtimeName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap()
}

/// How far the views on the monitor's machine lead whose bytes are uploaded.
fn publishable(town: &Town) -> Position {
    let (log, uploaded) = (town.snapshot(0), town.monitors[0].uploaded);
    let here: Vec<RealtimeName> = town.realtime_views(0).iter().map(|path| name(path)).collect();
    let mut reached = log.generations[0].start;
    for of in &log.generations {
        let cut = of.closed.as_ref().map(|closed| closed.cut);
        let end = cut.filter(|_| of.last.position <= uploaded).unwrap_or(uploaded);
        let ends = here.iter().filter(|name| name.from == reached && name.from == of.start).map(|name| name.to);
        reached = ends.filter(|to| *to <= end).max().unwrap_or(reached);
    }
    reached
}

/// What a machine without a log sees is what was shown, and nothing else.
async fn check(town: &Town, shown: Position) {
    let asked = Query { view: View::Realtime, ..Query::everything() };
    let answer = query(&town.reader(None), &asked).await.unwrap();
    let monitor = &town.monitors[0];
    let below = monitor.sent.iter().filter(|(_, end, _)| *end <= shown).map(|(_, _, sent)| sent);
    assert_eq!(rows(&answer), count(below.clone(), &asked), "up to {shown}");
    match answer.coverage.monitor(&monitor.id) {
        Some(covered) => {
            assert_eq!((covered.to, covered.messages), (shown, below.clone().count() as u64));
            assert_eq!(covered.latest, below.map(|sent| sent.time).max());
        }
        None => assert_eq!(shown, town.snapshot(0).generations[0].start),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_store_shows_each_message_up_to_what_was_published_once(events in prop::collection::vec(event(), 1..80)) {
        runtime().block_on(async {
            let mut town = Town::new().await;
            let mut shown = town.snapshot(0).generations[0].start;
            for event in &events {
                happen(&mut town, event, &mut shown).await;
                check(&town, shown).await;
            }
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

fn sent(second: i64) -> Sent {
    Sent::plain("checkout", micros(TODAY + second * 1_000_000), second)
}

/// Commits these, and publishes what the store may show of them.
async fn publish(town: &mut Town, messages: &[Sent]) {
    town.commit(0, messages, true);
    town.refresh(0).await;
    town.upload(0, u64::MAX).await;
    town.publish_views(0).await;
}

/// Up to where the views in the store lead, of the first monitor.
async fn shown(town: &Town) -> Position {
    let asked = Query { view: View::Realtime, ..Query::everything() };
    let answer = query(&town.reader(None), &asked).await.unwrap();
    answer.coverage.monitor(&town.monitors[0].id).unwrap().to
}

#[test]
fn an_hour_of_refreshes_leaves_few_views_and_sends_each_row_a_few_times() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        let services = ["checkout", "basket", "a,\"b\"/é", "a-service-with-a-long-name"];
        let refreshes = 120;
        for refresh in 0..refreshes {
            // Two minutes of hundreds of messages: what a row costs is seen over what a file costs.
            let minutes = (0..120).map(|minute| TODAY + (refresh * 120 + minute) * MINUTE);
            let of = |time| services.map(|service| Sent::plain(service, micros(time), time % 1_000_003));
            publish(&mut town, &minutes.flat_map(of).collect::<Vec<_>>()).await;
        }
        let listed = town.store.list(&layout::realtime_of_monitor(&town.monitors[0].id)).await.unwrap();
        assert_eq!(listed.len() as i64, refreshes, "a view a refresh");
        let bytes: u64 = listed.iter().map(|listed| listed.len).sum();
        let local = town.realtime_views(0).into_iter().max_by_key(|path| name(path)).unwrap();
        let whole = town.disk.open(&local, storage::Mode::Read).unwrap().len().unwrap();
        assert!(bytes < 5 * whole, "{bytes} bytes sent to show {whole}");
        town.retire(0).await;
        let left = town.stored_views(0).await.len();
        assert!(left <= 12, "{left} views");
        check(&town, town.monitors[0].writer.state().position()).await;
    });
}

#[test]
fn a_monitor_that_starts_again_goes_on_where_the_store_ends() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        publish(&mut town, &[sent(1)]).await;
        publish(&mut town, &[sent(2)]).await;
        town.restart(0);
        publish(&mut town, &[sent(3)]).await;
        let names: Vec<_> =
            town.stored_views(0).await.iter().map(|key| RealtimeName::parse(key.name()).unwrap()).collect();
        assert_eq!(names.len(), 3);
        assert!(names.windows(2).all(|pair| pair[0].to == pair[1].from), "{names:?}");
        check(&town, town.monitors[0].writer.state().position()).await;
    });
}

#[test]
fn a_chain_that_cannot_be_gone_on_with_is_superseded_by_a_whole_view() {
    runtime().block_on(async {
        for damage in [None, Some(0), Some(1), Some(2)] {
            let mut town = Town::new().await;
            for second in 0..3 {
                publish(&mut town, &[sent(second)]).await;
            }
            let stored = town.stored_views(0).await;
            match damage {
                Some(lost) => town.store.delete(&stored[lost]).await.unwrap(),
                None => {
                    let bytes = town.store.read(&stored[2]).await.unwrap();
                    let mark = bytes.windows(6).position(|found| found == b"\"mark\"").unwrap();
                    town.damage(&std::path::Path::new("/store").join(stored[2].as_str()), mark as u64 + 1);
                }
            }
            town.restart(0);
            publish(&mut town, &[sent(100)]).await;
            check(&town, town.monitors[0].writer.state().position()).await;
        }
    });
}

#[test]
fn a_closed_generation_is_read_from_the_views_that_lead_to_its_cut() {
    runtime().block_on(async {
        let mut town = Town::new().await;
        publish(&mut town, &[sent(1)]).await;
        town.rotate(0);
        publish(&mut town, &[sent(2)]).await;
        town.rebuild().await;
        publish(&mut town, &[sent(3)]).await;
        town.rotate(0);
        publish(&mut town, &[sent(4)]).await;
        let closed = town.snapshot(0).generations[1].clone();
        for piece in &closed.pieces {
            let name = DatedName::Log { id: town.monitors[0].id.clone(), seq: piece.seq };
            town.store.delete(&layout::dated(piece.date, &name)).await.unwrap();
        }
        assert_eq!(shown(&town).await, town.monitors[0].writer.state().position());
    });
}
