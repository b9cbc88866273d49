//! The roles of a process, wired: a monitor with its rotation and refresh, a scheduler, or both in one process,
//! sharing one tick.
//!
//! What must hold: every task has an owner here that awaits it; one token stops them all; a role that cannot go on
//! stops the others, which drain.

pub(crate) mod doors;
mod ingest;
mod last_schedule;
mod monitoring;
mod readiness;
mod rebuilder;
mod refresh;
pub(crate) mod web;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use dashboard::Ingest;
use monitor::Progress;
use prometheus_client::registry::Registry;
use scheduler::Schedule;
use schema::Micros;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use views::Refreshed;

use crate::config::Settings;
use crate::instruments::{self, Freshness, Overdue, RefreshInstruments};
use crate::open::Place;
use doors::Doors;

pub(crate) use last_schedule::last as last_schedule;
pub(crate) use readiness::{LATE, Roster};

/// Which roles a process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roles {
    /// Receives, and refreshes its own realtime views.
    Monitor,
    /// Rebuilds.
    Scheduler,
    /// Both.
    All,
}

/// Roles that run.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where the monitor listens, if there is one.
    pub(crate) address: Option<SocketAddr>,
    /// Where HTTP is served, if it is.
    pub(crate) http: Option<SocketAddr>,
    /// The first tick to come.
    pub(crate) next_tick: Option<Micros>,
    /// What can be watched of the monitor.
    pub(crate) monitor: Option<Watched>,
    /// The newest manifest this process saw built; 0 before.
    pub(crate) built: watch::Receiver<u64>,
    /// What takes in what is posted over HTTP, until that is served.
    ingest: Option<Arc<dyn Ingest>>,
    tasks: JoinSet<Result<()>>,
    stop: CancellationToken,
}

/// What can be watched of a monitor that runs.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// How much is durable.
    pub(crate) progress: watch::Receiver<Progress>,
    /// The last refresh, and when it ended.
    pub(crate) refreshed: watch::Receiver<Option<(Refreshed, Micros)>>,
}

impl Running {
    /// Starts the roles; when this returns the monitor listens and is recovered.
    ///
    /// # Errors
    /// What keeps a role from starting: a folder that is in use, an address that is taken, a log that is damaged.
    pub(crate) async fn start(
        place: &Place,
        settings: &Settings,
        roles: Roles,
        stop: CancellationToken,
    ) -> Result<Self> {
        let schedule = Schedule::parse(&settings.schedule_cron.0, settings.schedule_timezone.name())?;
        if let Err(error) = last_schedule::keep(place, settings) {
            tracing::warn!(error = crate::outcome::in_full(&error), "`status` will not know the schedule");
        }
        let (on_built, built) = watch::channel(0);
        let mut running = Self {
            address: None,
            http: None,
            next_tick: schedule.next(place.clock.now()),
            monitor: None,
            built,
            ingest: None,
            tasks: JoinSet::new(),
            stop,
        };
        // Before the log is opened: an address that is taken is to be said at once.
        let doors = Doors::of(settings)?;
        let dashboard = web::listen(settings, &doors, roles == Roles::All).await?;
        let (mut registry, mut roster) = (instruments::registry(&place.clock), Roster::default());
        let mut own_cut = None;
        if roles != Roles::Scheduler {
            let monitor = running.start_monitor(place, settings, &schedule, &doors, &mut registry, &mut roster);
            own_cut = Some(monitor.await?);
        }
        if roles != Roles::Monitor {
            let (rebuilder, measured) = rebuilder::start(place, settings, schedule, own_cut, on_built).await?;
            measured.register(&mut registry);
            registry.register_collector(Box::new(Overdue::new(measured.clone(), &place.clock)));
            roster.scheduler = Some((measured, Arc::clone(&place.clock)));
            // A folder that is not mounted looks like a store without news.
            roster.store = (roles == Roles::Scheduler).then(|| place.clone());
            let token = running.stop.clone();
            running.tasks.spawn(async move {
                rebuilder.run(token).await;
                Ok(())
            });
        }
        if let Some(dashboard) = dashboard {
            running.http = Some(dashboard.address());
            let world = web::world(place, &doors, registry, roster, running.ingest.take());
            let (limits, token) = (web::limits(settings), running.stop.clone());
            running.tasks.spawn(async move {
                dashboard.serve(world, limits, token).await;
                Ok(())
            });
        }
        let following = doors.follow(running.stop.clone());
        running.tasks.spawn(async move {
            following.await;
            Ok(())
        });
        Ok(running)
    }

    async fn start_monitor(
        &mut self,
        place: &Place,
        settings: &Settings,
        schedule: &Schedule,
        doors: &Doors,
        registry: &mut Registry,
        roster: &mut Roster,
    ) -> Result<watch::Receiver<Micros>> {
        let monitor = monitoring::start(place, settings, doors, self.stop.clone()).await?;
        monitor.register(registry);
        roster.monitor = Some(monitor.blocked());
        self.address = Some(monitor.local_addr());
        self.ingest = Some(Arc::new(ingest::Posted(monitor.submitter())));
        let (refreshed, on_refreshed) = (watch::Sender::new(None), watch::Sender::new(Micros::MIN));
        self.monitor = Some(Watched { progress: monitor.progress(), refreshed: refreshed.subscribe() });
        let published = on_refreshed.subscribe();
        let rotation = monitoring::Rotation::new(place, schedule, &monitor, on_refreshed)?;
        let ended = CancellationToken::new();
        let (progress, uploaded) = (monitor.progress(), monitor.uploaded());
        let measured = RefreshInstruments::default();
        measured.register(registry);
        registry.register_collector(Box::new(Freshness::new(&progress, &refreshed, &place.clock)));
        let refresh = refresh::Refresh::new(place, settings, progress, uploaded, refreshed, measured, ended.clone());
        let (stop, guard) = (self.stop.clone(), ended.drop_guard());
        self.tasks.spawn(rotation.run(stop));
        self.tasks.spawn(async move {
            let _refresh_once_more = guard;
            monitor.wait().await.map_err(monitoring::advised)
        });
        self.tasks.spawn(async { tokio::task::spawn_blocking(|| refresh.run()).await.context("refresh failed") });
        Ok(published)
    }

    /// Stops every role, as a signal would, and waits for them.
    ///
    /// # Errors
    /// As [`ended`](Self::ended).
    pub(crate) async fn drain(self) -> Result<()> {
        self.stop.cancel();
        self.ended().await
    }

    /// Waits until every role has ended: told to, or because one cannot go on, which stops the others.
    ///
    /// # Errors
    /// The first one's.
    pub(crate) async fn ended(mut self) -> Result<()> {
        let mut first = Ok(());
        while let Some(joined) = self.tasks.join_next().await {
            let ended = joined.context("a role failed").and_then(|ended| ended);
            if let Err(error) = ended {
                self.stop.cancel();
                if first.is_ok() {
                    first = Err(error);
                } else {
                    tracing::error!(error = crate::outcome::in_full(&error), "failed too");
                }
            }
        }
        first
    }
}
