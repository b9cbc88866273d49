//! The promise: at any moment, asked anywhere, an answer equals a brute-force
//! pass over exactly the messages its coverage names; and on a monitor's own
//! machine that is every message it has acknowledged.

use crate::town::{MINUTE, Sent, TODAY, Town, count, messages, micros, rows};
use proptest::prelude::*;
use schema::{Position, ServiceName};
use views::{Coverage, Every, Line, Query, Reader, Verify, View, cat, query, services, verify};

/// What happens in a town.
#[derive(Clone, Debug)]
enum Event {
    Commit { monitor: usize, messages: Vec<Sent>, queue: bool },
    Rotate { monitor: usize },
    Restart { monitor: usize },
    Upload { monitor: usize, bytes: u64 },
    Refresh { monitor: usize },
    PublishViews { monitor: usize },
    Retire { monitor: usize },
    Import { which: usize, messages: Vec<Sent> },
    Rebuild,
    LoseViews { monitor: usize },
    DamageView { monitor: usize, which: usize, at: u64 },
    DamageQueue { monitor: usize, at: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let monitor = || 0..2_usize;
    prop_oneof![
        6 => (monitor(), messages(12), prop::bool::weighted(0.8))
            .prop_map(|(monitor, messages, queue)| Event::Commit { monitor, messages, queue }),
        3 => monitor().prop_map(|monitor| Event::Rotate { monitor }),
        1 => monitor().prop_map(|monitor| Event::Restart { monitor }),
        4 => (monitor(), prop_oneof![Just(u64::MAX), 0..3000_u64])
            .prop_map(|(monitor, bytes)| Event::Upload { monitor, bytes }),
        4 => monitor().prop_map(|monitor| Event::Refresh { monitor }),
        3 => monitor().prop_map(|monitor| Event::PublishViews { monitor }),
        1 => monitor().prop_map(|monitor| Event::Retire { monitor }),
        1 => (monitor(), messages(8)).prop_map(|(which, messages)| Event::Import { which, messages }),
        2 => Just(Event::Rebuild),
        1 => monitor().prop_map(|monitor| Event::LoseViews { monitor }),
        1 => (monitor(), any::<usize>(), any::<u64>())
            .prop_map(|(monitor, which, at)| Event::DamageView { monitor, which, at }),
        1 => (monitor(), any::<u64>()).prop_map(|(monitor, at)| Event::DamageQueue { monitor, at }),
    ]
}

async fn happen(town: &mut Town, event: &Event) {
    match event {
        Event::Commit { monitor, messages, queue } => town.commit(*monitor, messages, *queue),
        Event::Rotate { monitor } => town.rotate(*monitor),
        Event::Restart { monitor } => town.restart(*monitor),
        Event::Upload { monitor, bytes } => town.upload(*monitor, *bytes).await,
        Event::Refresh { monitor } => town.refresh(*monitor).await,
        Event::PublishViews { monitor } => town.publish_views(*monitor).await,
        Event::Retire { monitor } => town.retire(*monitor).await,
        Event::Import { which, messages } => town.toggle_import(*which, messages).await,
        Event::Rebuild => town.rebuild().await,
        Event::LoseViews { monitor } => town.lose_views(*monitor),
        Event::DamageView { monitor, which, at } => {
            let views = town.realtime_views(*monitor);
            if let Some(path) = views.get(which % views.len().max(1)) {
                town.damage(path, *at);
            }
        }
        Event::DamageQueue { monitor, at } => {
            let generation = town.monitors[*monitor].writer.state().generation();
            town.damage(&town.monitors[*monitor].folder.queue(generation), *at);
        }
    }
}

/// The messages that a coverage names.
fn covered<'a>(town: &'a Town, coverage: &Coverage) -> Vec<&'a Sent> {
    let mut messages = Vec::new();
    for entry in &coverage.monitors {
        let monitor = town.monitors.iter().find(|monitor| monitor.id == entry.monitor).unwrap();
        let from = entry.from.unwrap_or(Position::new(0, 0));
        let before = messages.len();
        let within = monitor.sent.iter().filter(|(start, end, _)| *start >= from && *end <= entry.to);
        messages.extend(within.map(|(_, _, sent)| sent));
        assert_eq!((messages.len() - before) as u64, entry.messages, "messages of {}", entry.monitor);
        assert_eq!(messages[before..].iter().map(|sent| sent.time).max(), entry.latest);
    }
    for entry in &coverage.imports {
        let import = town.imports.iter().find(|import| import.hash == entry.import).unwrap();
        messages.extend(&import.cuts[entry.generation.get() as usize]);
    }
    messages
}

fn queries() -> impl Strategy<Value = Query> {
    let every = prop::sample::select(vec![Every::Minute, Every::FiveMinutes, Every::Hour, Every::Day]);
    let from = prop_oneof![Just(0), (-3000..3000_i64).prop_map(|minute| TODAY + minute * MINUTE / 2)];
    let length = prop_oneof![Just(i64::MAX), 0..5000 * MINUTE];
    let services = prop::sample::subsequence(vec!["checkout", "basket", "nobody"], 0..3);
    (from, length, services, every).prop_map(|(from, length, services, every)| Query {
        from: micros(from),
        to: micros(from).saturating_add(length),
        services: services.into_iter().map(|name| ServiceName::new(name).unwrap()).collect(),
        every,
        view: View::Merged,
    })
}

/// Where is asked: far from any monitor, and on the machine of each.
const MACHINES: [Option<usize>; 3] = [None, Some(0), Some(1)];

/// Asks on every machine, who comes anew and who has asked before.
async fn check_answers(town: &Town, before: &[Reader; 3], asked: &Query) {
    for (machine, before) in MACHINES.into_iter().zip(before) {
        check_answers_of(town, &town.reader(machine), machine, asked).await;
        check_answers_of(town, before, machine, asked).await;
    }
}

async fn check_answers_of(town: &Town, reader: &Reader, machine: Option<usize>, asked: &Query) {
    for view in [View::Merged, View::Batch, View::Realtime] {
        let asked = Query { view, ..asked.clone() };
        let answer = query(reader, &asked).await.unwrap();
        let model = count(covered(town, &answer.coverage), &asked);
        assert_eq!(rows(&answer), model, "{view} on {machine:?}: {:?}", answer.coverage);
        if let Some(monitor) = machine.filter(|_| view == View::Merged) {
            let state = town.monitors[monitor].writer.state();
            let own = answer.coverage.monitor(&town.monitors[monitor].id).unwrap();
            assert_eq!(own.to, state.position(), "everything acknowledged is covered");
            assert_eq!(own.messages, town.monitors[monitor].sent.len() as u64);
        }
    }
}

/// Everything else that reads, against the same coverage.
async fn check_readers(town: &Town, asked: &Query, machine: Option<usize>, damaged: bool) {
    let reader = town.reader(machine);
    let mut lines = Vec::new();
    let mut keep = |line: Line<'_>| {
        lines.push(String::from_utf8(line.bytes.to_vec()).unwrap());
        Ok(())
    };
    let coverage = cat(&reader, asked, &mut keep).await.unwrap();
    let every_minute = Query { every: Every::Minute, ..asked.clone() };
    let wanted = |sent: &&Sent| !count([*sent], &every_minute).is_empty();
    let mut expected: Vec<_> = covered(town, &coverage).into_iter().filter(wanted).map(Sent::line).collect();
    expected.iter_mut().for_each(|line| line.truncate(line.len() - 1));
    expected.sort();
    lines.sort();
    assert_eq!(lines, expected, "cat gives the original lines");

    let (seen, coverage) = services(&reader).await.unwrap();
    let model = count(covered(town, &coverage), &Query::everything());
    let mut expected = std::collections::BTreeMap::new();
    for ((service, minute), (messages, _)) in model {
        let entry = expected.entry(service).or_insert((minute, minute, 0));
        *entry = (entry.0.min(minute), entry.1.max(minute), entry.2 + messages);
    }
    let seen =
        seen.into_iter().map(|seen| (seen.service.to_string(), (seen.first.get(), seen.last.get(), seen.messages)));
    assert_eq!(seen.collect::<std::collections::BTreeMap<_, _>>(), expected);

    let asked = Verify { rows: 5, ..Verify::of(asked.clone()) };
    let verdict = verify(&reader, &asked, &mut |_| ()).await.unwrap();
    assert!(damaged || verdict.differences.is_empty(), "{:?}", verdict.differences);
    let model = count(covered(town, &verdict.coverage), &Query { every: Every::Minute, ..asked.query });
    assert_eq!(verdict.messages, model.values().map(|(messages, _)| messages).sum::<u64>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_equals_a_count_of_its_coverage_at_any_moment(
        events in prop::collection::vec((event(), queries()), 1..24),
        machine in prop::option::of(0..2_usize),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut town = Town::new().await;
            let before = MACHINES.map(|machine| town.reader(machine).with_cache(64 << 10));
            for (event, asked) in &events {
                happen(&mut town, event).await;
                check_answers(&town, &before, asked).await;
            }
            let asked = &events.last().unwrap().1;
            let damaged = events.iter().any(|(event, _)| matches!(event, Event::DamageView { .. }));
            check_readers(&town, asked, machine, damaged).await;
        });
    }
}
