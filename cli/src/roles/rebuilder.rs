//! What the scheduler does at a tick. In one process with a monitor it waits until that monitor's own cut is
//! published, so that a tick is always rotate, then rebuild.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use scheduler::{Batch, Event, Instruments, Outcome, Schedule, Scheduler, SchedulerError, Ticks, Work, last_built};
use schema::Micros;
use storage::Clock;
use tokio::sync::watch;
use views::{Built, Retired};

use crate::config::Settings;
use crate::open::Place;

/// A scheduler, ready to run; `own_cut` is the tick up to which the monitor in this process has published its cuts,
/// `on_built` is told the number of each manifest that it publishes. With what it counts and times.
pub(super) async fn start(
    place: &Place,
    settings: &Settings,
    schedule: Schedule,
    own_cut: Option<watch::Receiver<Micros>>,
    on_built: watch::Sender<u64>,
) -> Result<(Scheduler<Rebuilder>, Instruments)> {
    let (store, clock) = (Arc::clone(&place.store), Arc::clone(&place.clock));
    // A tick missed while nothing ran is made up for once, at the start.
    let last = last_built(&*store).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "when the last rebuild was is not known: beginning with one");
        Micros::MIN
    });
    let ticks = Ticks::new(schedule.clone(), &*clock, Some(last));
    let wait = settings.rebuild_wait.0;
    let grace = i64::try_from(settings.views_grace.0.as_micros()).unwrap_or(i64::MAX);
    let instruments = Instruments::new(schedule.clone(), last, clock.now());
    let work = Rebuilder {
        batch: Batch::new(Arc::clone(&store), Arc::clone(&clock), place.build_options(settings, false), grace),
        own_cut: own_cut.map(|published| OwnCut {
            published,
            schedule,
            clock: Arc::clone(&clock),
            wait,
            instruments: instruments.clone(),
        }),
        on_built,
    };
    let (measured, time) = (instruments.clone(), Arc::clone(&clock));
    let on_event = Box::new(move |event: &Event<'_, Built>| {
        measured.observe(event, time.now());
        log_event(event);
    });
    Ok((Scheduler { store, clock, ticks, wait, work, on_event }, instruments))
}

/// Builds the batch views after the own cut.
pub(super) struct Rebuilder {
    batch: Batch,
    own_cut: Option<OwnCut>,
    on_built: watch::Sender<u64>,
}

/// The cuts of the monitor in this process.
struct OwnCut {
    /// The tick up to which they are published.
    published: watch::Receiver<Micros>,
    schedule: Schedule,
    clock: Arc<dyn Clock>,
    /// How long the next is waited for.
    wait: Duration,
    instruments: Instruments,
}

impl OwnCut {
    /// Waits for the cut of the tick that is due. Late or gone, its messages stay in their realtime views until the
    /// next build.
    async fn arrived(&mut self) {
        let Some(tick) = self.schedule.previous(self.clock.now()) else { return };
        let there = self.published.wait_for(|published| *published >= tick);
        if tokio::time::timeout(self.wait, there).await.is_err() {
            self.instruments.cut_missing();
            tracing::warn!(%tick, "building without the cut of the monitor in this process");
        }
    }
}

#[async_trait]
impl Work for Rebuilder {
    type Built = Built;

    async fn rebuild(&mut self) -> Result<Outcome<Built>, SchedulerError> {
        if let Some(own) = &mut self.own_cut {
            own.arrived().await;
        }
        let outcome = self.batch.rebuild().await?;
        if let Outcome::Published(Built { manifest: Some(manifest), .. }) = &outcome {
            self.on_built.send_replace(manifest.number);
        }
        Ok(outcome)
    }

    async fn retire(&mut self) -> Result<Retired, SchedulerError> {
        self.batch.retire().await
    }
}

fn log_event(event: &Event<'_, Built>) {
    match event {
        Event::Waiting { tick, monitors } => tracing::debug!(%tick, ?monitors, "waiting for cuts"),
        Event::Missing { tick, monitors } => tracing::warn!(%tick, ?monitors, "building without these cuts"),
        Event::Building { tick } => tracing::debug!(%tick, "rebuilding"),
        Event::Built { tick, outcome: Outcome::Published(built), took } => {
            let manifest = built.manifest.as_ref().map(|manifest| manifest.number);
            tracing::info!(%tick, manifest, files = built.files, written = built.written, ?took, "rebuilt");
        }
        Event::Built { tick, outcome, took } => {
            let overtaken = matches!(outcome, Outcome::Overtaken);
            tracing::info!(%tick, overtaken, ?took, "nothing rebuilt");
        }
        Event::Failed { error } => tracing::error!(%error, "rebuild failed, trying again"),
        Event::Retired { retired } => tracing::debug!(?retired, "retired"),
        _ => {}
    }
}
