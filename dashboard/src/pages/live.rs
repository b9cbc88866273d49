//! What changes while a page is looked at: `GET /live`, server-sent events.
//!
//! Enters: the coverage, looked up every [`EVERY`] while anybody listens, once for all of them. Leaves: to each listener
//! the line of freshness, when it is another. What must hold: nobody listening, nothing is looked up; a listener that is
//! slow misses what it did not take and gets the newest; all end with the server.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::frame::{FreshnessLine, freshness_now};
use super::freshness::Freshness;
use super::reading::Clocks;
use crate::server::Asked;

/// How often it is looked up whether anything changed.
const EVERY: Duration = Duration::from_secs(2);

/// What all listeners listen to. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    newest: watch::Sender<Option<Arc<Freshness>>>,
    wanted: Arc<Notify>,
    stop: CancellationToken,
}

impl Live {
    pub(crate) fn until(stop: CancellationToken) -> Self {
        Self { newest: watch::Sender::new(None), wanted: Arc::default(), stop }
    }

    /// Looks up what changed, until the server stops.
    pub(crate) async fn run(&self, asked: &Asked) {
        let look = async {
            loop {
                while self.newest.receiver_count() == 0 {
                    // What nobody keeps up to date is not told to the next who listens.
                    self.newest.send_replace(None);
                    self.wanted.notified().await;
                }
                // A store that is away changes nothing here: the page says so when it is asked for.
                if let Ok(fresh) = freshness_now(asked).await {
                    self.newest.send_if_modified(|newest| {
                        let other = newest.as_deref() != Some(&fresh);
                        if other {
                            *newest = Some(Arc::new(fresh));
                        }
                        other
                    });
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        tokio::select! {
            () = look => {}
            () = self.stop.cancelled() => {}
        }
    }

    fn listen(&self) -> watch::Receiver<Option<Arc<Freshness>>> {
        let mut listener = self.newest.subscribe();
        listener.mark_changed();
        self.wanted.notify_one();
        listener
    }
}

/// Tells of each change. The event's id is the mark of what is covered.
pub(super) async fn live(State(asked): State<Asked>, RawQuery(text): RawQuery) -> Response {
    let zone = Address::parse(text.as_deref().unwrap_or_default()).zone;
    let (listener, stop, clock) = (asked.live.listen(), asked.live.stop.clone(), Arc::clone(&asked.world.clock));
    let events = stream::unfold(listener, move |mut listener| {
        let (stop, clock) = (stop.clone(), Arc::clone(&clock));
        async move {
            let fresh = tokio::select! {
                fresh = changed(&mut listener) => fresh?,
                () = stop.cancelled() => return None,
            };
            let line = fresh.line(&Clocks { zone, now: clock.now() });
            let event = Event::default().event("coverage").id(line.mark.clone());
            let text = FreshnessLine { line: &line }.render().unwrap_or_default();
            Some((Ok::<_, Infallible>(event.data(text)), listener))
        }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather answers before they pass them on would hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The next that is known.
async fn changed(listener: &mut watch::Receiver<Option<Arc<Freshness>>>) -> Option<Arc<Freshness>> {
    loop {
        listener.changed().await.ok()?;
        if let Some(fresh) = listener.borrow_and_update().clone() {
            return Some(fresh);
        }
    }
}
