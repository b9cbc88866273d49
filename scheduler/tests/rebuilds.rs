//! At a tick: wait for who is expected, build once, survive what fails.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hourglass_scheduler::{Event, Expected, Outcome, Schedule, Scheduler, SchedulerError, Ticks, Work};
use schema::{Generation, Micros, MonitorId, Source};
use storage::{Clock, FileStore, Key, LocalDisk, ManualClock, Store, layout, sealed};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use views::Retired;

#[derive(Debug)]
struct PausedClock {
    start: Instant,
    base: ManualClock,
}

impl Clock for PausedClock {
    fn now(&self) -> Micros {
        self.base.now().saturating_add(self.start.elapsed().as_micros() as i64)
    }
}

fn time(text: &str) -> Micros {
    text.parse().unwrap()
}

const EIGHT: &str = "2026-11-21T08:00:00Z";
const NINE: &str = "2026-11-21T09:00:00Z";

/// What the builds come to, in turn; then nothing is new.
#[derive(Default)]
struct Script(Vec<Result<Outcome<u32>, SchedulerError>>);

#[async_trait]
impl Work for Script {
    type Built = u32;

    async fn rebuild(&mut self) -> Result<Outcome<u32>, SchedulerError> {
        if self.0.is_empty() { Ok(Outcome::Unchanged) } else { self.0.remove(0) }
    }

    async fn retire(&mut self) -> Result<Retired, SchedulerError> {
        Ok(Retired::default())
    }
}

struct World {
    _folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    clock: Arc<PausedClock>,
    events: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FileStore::new(Arc::new(LocalDisk::new()), folder.path().join("store")));
        let clock = PausedClock { start: Instant::now(), base: ManualClock::new(time("2026-11-21T08:59:50Z")) };
        Self { _folder: folder, store, clock: Arc::new(clock), events: Arc::default() }
    }

    fn scheduler(&self, script: Vec<Result<Outcome<u32>, SchedulerError>>) -> Scheduler<Script> {
        let (events, clock) = (Arc::clone(&self.events), Arc::clone(&self.clock));
        let schedule = Schedule::parse("@hourly", "UTC").unwrap();
        Scheduler {
            store: Arc::clone(&self.store),
            clock: clock.clone(),
            ticks: Ticks::new(schedule, &*clock, None),
            wait: Duration::from_secs(60),
            work: Script(script),
            on_event: Box::new(move |event| {
                let after = (clock.now().get() - time(NINE).get()) / 1_000_000;
                let names = |monitors: &[MonitorId]| monitors.iter().map(|id| format!(" {id}")).collect::<String>();
                events.lock().unwrap().push(match event {
                    Event::Waiting { monitors, .. } => format!("waiting for{}", names(monitors)),
                    Event::Missing { monitors, .. } => format!("{after} s: missing{}", names(monitors)),
                    Event::Building { .. } => "building".to_owned(),
                    Event::Built { outcome, .. } => format!("{after} s: {outcome:?}"),
                    Event::Failed { .. } => format!("{after} s: failed"),
                    _ => "retired".to_owned(),
                });
            }),
        }
    }

    async fn cut(&self, monitor: &str, generation: u64, tick: &str) {
        put_cut(&*self.store, monitor, generation, tick).await;
    }

    fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}

async fn put_cut(store: &dyn Store, monitor: &str, generation: u64, tick: &str) {
    let source = Source::Monitor(MonitorId::new(monitor).unwrap());
    let body = serde_json::json!({
        "version": 1, "source": source, "incarnation": "00000000000000aa", "generation": generation,
        "tick": time(tick), "position": format!("{}:0", generation + 1), "withdrawn": false,
        "rejected": schema::Rejects::default(), "files": [],
    });
    let key = layout::cut(&source, Generation::new(generation));
    store.create(&key, sealed::seal(&body).unwrap().into()).await.unwrap();
}

fn broken() -> SchedulerError {
    storage::StoreError::NotFound { key: Key::root() }.into()
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_waits_for_the_cuts_of_monitors_that_had_one_at_the_tick_before() {
    let world = World::new();
    world.cut("east", 3, EIGHT).await;
    world.cut("west", 7, EIGHT).await;
    world.cut("gone", 1, "2026-11-20T08:00:00Z").await;
    world.cut("early", 1, NINE).await;
    let store = Arc::clone(&world.store);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        put_cut(&*store, "east", 4, NINE).await;
        // A rotation between ticks, as `realtime.rows` makes them, is not the one waited for.
        put_cut(&*store, "west", 8, "2026-11-21T08:59:59Z").await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        put_cut(&*store, "west", 9, NINE).await;
    });
    world.scheduler(vec![Ok(Outcome::Published(1))]).at_tick(time(NINE), &CancellationToken::new()).await.unwrap();
    assert_eq!(world.events(), ["waiting for east west", "building", "0 s: Published(1)"]);
}

#[tokio::test(start_paused = true)]
async fn a_monitor_that_does_not_cut_delays_a_rebuild_by_the_wait_and_no_more() {
    let world = World::new();
    world.cut("east", 3, EIGHT).await;
    let mut scheduler = world.scheduler(vec![Ok(Outcome::Published(1))]);
    scheduler.at_tick(time(NINE), &CancellationToken::new()).await.unwrap();
    assert_eq!(world.events(), ["waiting for east", "50 s: missing east", "building", "50 s: Published(1)"]);
    let next = Expected::at(&*world.store, time("2026-11-21T10:00:00Z"), time(NINE)).await.unwrap();
    assert!(next.is_empty(), "the next rebuild does not wait");
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_overtaken_builds_on_the_other() {
    let world = World::new();
    let script = vec![Ok(Outcome::Overtaken), Ok(Outcome::Unchanged), Ok(Outcome::Published(9))];
    world.scheduler(script).at_tick(time(NINE), &CancellationToken::new()).await.unwrap();
    assert_eq!(world.events(), ["building", "-10 s: Overtaken", "building", "-10 s: Unchanged"]);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_failed_is_tried_again_before_the_next_tick() {
    let world = World::new();
    let token = CancellationToken::new();
    let scheduler = world.scheduler(vec![Err(broken()), Err(broken()), Ok(Outcome::Published(1))]);
    let running = tokio::spawn(scheduler.run(token.clone()));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    token.cancel();
    running.await.unwrap();
    assert_eq!(
        world.events(),
        ["building", "0 s: failed", "building", "30 s: failed", "building", "60 s: Published(1)"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_token_ends_a_wait_without_a_build() {
    let world = World::new();
    world.cut("east", 3, EIGHT).await;
    let token = CancellationToken::new();
    let running = tokio::spawn(world.scheduler(Vec::new()).run(token.clone()));
    tokio::time::sleep(Duration::from_secs(20)).await;
    token.cancel();
    running.await.unwrap();
    assert_eq!(world.events(), ["waiting for east"]);
}

#[tokio::test]
async fn whom_to_wait_for_is_looked_up_from_what_the_batch_covers() {
    let world = World::new();
    for generation in 1..=3 {
        world.cut("east", generation, "2026-11-21T05:00:00Z").await;
    }
    let options = views::BuildOptions {
        metrics: schema::Metrics::default(),
        full: false,
        memory: 1 << 20,
        scratch: std::env::temp_dir(),
        threads: 1,
        check: false,
        progress: Arc::default(),
    };
    let built = views::rebuild(Arc::clone(&world.store), world.clock.clone(), options).await.unwrap();
    assert_eq!(built.manifest.unwrap().monitors[0].generation.get(), 3);
    let expected = async || Expected::at(&*world.store, time(NINE), time(EIGHT)).await.unwrap();
    assert!(expected().await.is_empty(), "its last cut is older than the tick before");
    world.cut("east", 4, EIGHT).await;
    world.cut("west", 1, EIGHT).await;
    assert_eq!(expected().await.monitors().map(ToString::to_string).collect::<Vec<_>>(), ["east", "west"]);
    world.cut("east", 5, NINE).await;
    assert_eq!(expected().await.monitors().map(ToString::to_string).collect::<Vec<_>>(), ["west"]);
}
