//! SIGINT and SIGTERM: the first drains, the second ends at once.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::outcome::FAILED;

/// A token that the first signal cancels. After it, a second signal ends the process with exit code 2.
pub(crate) fn drain_on_signal() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let token = CancellationToken::new();
    let drain = token.clone();
    // Lives as long as the runtime: there is nothing to await, a second signal may come at any time.
    tokio::spawn(async move {
        let mut first = true;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !first {
                std::process::exit(i32::from(FAILED));
            }
            first = false;
            tracing::warn!("stopping once everything received or sent is settled; a second signal ends at once");
            drain.cancel();
        }
    });
    Ok(token)
}
