//! HTTP of a process: where it is served, and what from.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use dashboard::{Dashboard, Limits, World};

use crate::advice::Advice;
use crate::config::{Settings, Web};
use crate::open::Place;

/// Where it is served when nothing is said.
const USUAL: &str = "127.0.0.1:7080";

/// A dashboard that listens where the settings say; where they say nothing, at the usual place if it is `wanted`,
/// else not at all.
pub(crate) async fn listen(settings: &Settings, wanted: bool) -> Result<Option<Dashboard>> {
    let address = match &settings.http_address.0 {
        Some(Web::At(address)) => address.0.as_str(),
        None if wanted => USUAL,
        Some(Web::Off) | None => return Ok(None),
    };
    let dashboard = Dashboard::listen(here(address).await?).await;
    dashboard.advise("choose another one with --http, as in --http 127.0.0.1:0, or none with --http off").map(Some)
}

/// What it answers from.
pub(crate) fn world(place: &Place) -> World {
    World { reader: place.reader(), clock: Arc::clone(&place.clock) }
}

/// What its connections may cost.
pub(crate) fn limits(settings: &Settings) -> Limits {
    let connections = usize::try_from(settings.http_connections.0).unwrap_or(usize::MAX);
    Limits { connections, ..Limits::default() }
}

/// The address, if it is one of this machine's own alone.
async fn here(text: &str) -> Result<SocketAddr> {
    let mut found = tokio::net::lookup_host(text).await.with_context(|| format!("cannot find {text}"))?;
    let address = found.next().with_context(|| format!("{text} is no address"))?;
    if !address.ip().is_loopback() {
        let refused = anyhow!("http.address = {text}: whoever reaches this machine could ask");
        return Err(refused.advise("serve it on 127.0.0.1, behind a proxy that knows who may ask"));
    }
    Ok(address)
}
