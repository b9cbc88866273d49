//! What the scheduler does at a tick: build and publish, retire. In one process with a monitor it waits until that
//! monitor's own cut is published, so that a tick is always rotate, then rebuild.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use scheduler::{Event, Outcome, Schedule, Scheduler, SchedulerError, Ticks, Work};
use schema::Micros;
use storage::layout;
use tokio::sync::watch;
use views::{BuildOptions, Built, Manifest, Retirer, ViewError, rebuild};

use crate::config::Settings;
use crate::open::Place;

/// A scheduler, ready to run; `own_cut` is the tick up to which the monitor in this process has published its cuts.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn start(
    place: &Place,
    settings: &Settings,
    schedule: Schedule,
    own_cut: Option<watch::Receiver<Micros>>,
    on_built: watch::Sender<u64>,
) -> Result<Scheduler<Rebuilder>> {
    // A tick missed while nothing ran is made up for once, at the start; a new store has missed none.
    let last = match Manifest::newest(&*place.store).await? {
        Some(manifest) => Some(manifest.latest_tick),
        None if place.store.list_folders(&layout::cuts()).await?.is_empty() => None,
        None => Some(Micros::MIN),
    };
    let ticks = Ticks::new(schedule.clone(), &*place.clock, last);
    let wait = settings.rebuild_wait.0;
    let work = Rebuilder {
        retirer: Retirer::new(i64::try_from(settings.views_grace.0.as_micros()).unwrap_or(i64::MAX)),
        memory: usize::try_from(settings.rebuild_memory.0).unwrap_or(usize::MAX),
        own_cut: own_cut.map(|published| OwnCut { published, schedule, wait }),
        on_built,
        place: place.clone(),
    };
    let (store, clock) = (Arc::clone(&place.store), Arc::clone(&place.clock));
    Ok(Scheduler { store, clock, ticks, wait, work, on_event: Box::new(log_event) })
}

/// Builds the batch views of one place.
pub(super) struct Rebuilder {
    place: Place,
    retirer: Retirer,
    memory: usize,
    own_cut: Option<OwnCut>,
    /// The newest manifest's number, for whoever shows progress.
    on_built: watch::Sender<u64>,
}

/// The monitor in this process.
struct OwnCut {
    /// The tick of its newest published cut.
    published: watch::Receiver<Micros>,
    schedule: Schedule,
    /// How long it is waited for.
    wait: Duration,
}

#[async_trait]
impl Work for Rebuilder {
    type Built = Built;

    async fn rebuild(&mut self) -> Result<Outcome<Built>, SchedulerError> {
        if let Some(own) = &mut self.own_cut
            && let Some(tick) = own.schedule.previous(self.place.clock.now())
        {
            // Late or gone, its messages stay in their realtime views until the next build.
            let _ = tokio::time::timeout(own.wait, own.published.wait_for(|published| *published >= tick)).await;
        }
        let options = BuildOptions {
            metrics: self.place.metrics.clone(),
            full: false,
            memory: self.memory,
            scratch: self.place.data.clone(),
            threads: 0,
            progress: Arc::default(),
        };
        match rebuild(Arc::clone(&self.place.store), Arc::clone(&self.place.clock), options).await {
            Ok(built) => {
                let number = built.manifest.as_ref().map_or(0, |manifest| manifest.number);
                self.on_built.send_replace(number);
                Ok(if built.published { Outcome::Published(built) } else { Outcome::Unchanged })
            }
            Err(ViewError::Overtaken { .. }) => Ok(Outcome::Overtaken),
            Err(error) => Err(error.into()),
        }
    }

    async fn retire(&mut self) -> Result<u64, SchedulerError> {
        let retired = self.retirer.run(&*self.place.store, self.place.clock.now()).await?;
        Ok((retired.files + retired.manifests) as u64)
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
        Event::Retired { files } => tracing::debug!(files, "retired"),
        _ => {}
    }
}
