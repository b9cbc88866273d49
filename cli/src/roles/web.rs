//! HTTP of a process: where it is served, and what from.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use dashboard::{Dashboard, Ingest, Limits, Metrics, World};
use prometheus_client::registry::Registry;

use crate::advice::Advice;
use crate::commands::Operator;
use crate::config::{Settings, Web};
use crate::open::Place;
use crate::roles::Roster;
use crate::roles::doors::Doors;

/// Bytes kept between answers.
const CACHE: u64 = 48 << 20;

/// Where it is served when nothing is said.
const USUAL: &str = "127.0.0.1:7080";

/// A dashboard that listens where the settings say; where they say nothing, at the usual place if it is `wanted`,
/// else not at all.
pub(crate) async fn listen(settings: &Settings, doors: &Doors, wanted: bool) -> Result<Option<Dashboard>> {
    let address = match &settings.http_address.0 {
        Some(Web::At(address)) => address.0.as_str(),
        None if wanted => USUAL,
        Some(Web::Off) | None => return Ok(None),
    };
    let dashboard = Dashboard::listen(here(address, doors).await?).await;
    dashboard.advise("choose another one with --http, as in --http 127.0.0.1:0, or none with --http off").map(Some)
}

/// What it answers from, and what takes in what is posted.
pub(crate) fn world(
    place: &Place,
    doors: &Doors,
    registry: Registry,
    readiness: Roster,
    ingest: Option<Arc<dyn Ingest>>,
) -> World {
    World {
        reader: place.reader().with_cache(CACHE),
        clock: Arc::clone(&place.clock),
        store: Arc::clone(&place.store),
        operations: Arc::new(Operator(place.clone())),
        metrics: Metrics::over(registry),
        readiness: Arc::new(readiness),
        ingest,
        access: doors.access.clone(),
        tls: doors.tls.clone(),
    }
}

/// What its connections may cost.
pub(crate) fn limits(settings: &Settings) -> Limits {
    let connections = usize::try_from(settings.http_connections.0).unwrap_or(usize::MAX);
    Limits { connections, rate: settings.http_rate.0, ..Limits::default() }
}

/// The address, if it may be listened on.
async fn here(text: &str, doors: &Doors) -> Result<SocketAddr> {
    let mut found = tokio::net::lookup_host(text).await.with_context(|| format!("cannot find {text}"))?;
    let address = found.next().with_context(|| format!("{text} is no address"))?;
    doors.may_listen("http.address", address)?;
    Ok(address)
}
