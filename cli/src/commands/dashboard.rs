//! `dashboard`: answers over HTTP, until a signal.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use dashboard::Dashboard;

use crate::advice::Advice;
use crate::config::Settings;
use crate::open::Place;
use crate::outcome::Outcome;
use crate::signals::drain_on_signal;
use crate::stdout;

/// Serves.
pub(super) async fn run(settings: Settings) -> Result<Outcome> {
    let stop = drain_on_signal()?;
    let place = tokio::select! {
        place = Place::existing(&settings) => place?,
        () = stop.cancelled() => return Ok(Outcome::Fine),
    };
    let address = here(&settings.http_address.0).await?;
    let dashboard = Dashboard::listen(address, place.reader(), Arc::clone(&place.clock));
    let dashboard = dashboard.await.advise("choose another one with --http, as in --http 127.0.0.1:0")?;
    stdout::line(&format!("serving http://{}", dashboard.address()))?;
    dashboard.serve(stop).await?;
    Ok(Outcome::Fine)
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
