//! Pages for people: every service now, some of them over time, the lines behind a peak, and the state of it all.
//!
//! | to know | read |
//! |---|---|
//! | what an address means, and how links carry it on | `address.rs`, `form.rs`, `resolution.rs` |
//! | what stands around a page, and what one says that failed | `frame.rs`, `freshness.rs` |
//! | the pages | `home.rs` (with `health.rs`, `sparkline.rs`), `analytics.rs`, `messages.rs`, `status.rs` |
//! | what changes while one is looked at | `live.rs` |
//! | style, scripts, plotly | `assets.rs` |
//!
//! Enters: requests of browsers. Leaves: HTML by the templates in `templates/`, which escape whatever came from outside.
//! What must hold: a page works without a script as far as it can, and loads nothing from another host; no byte of it is
//! a script or a style of its own, so that the policy can forbid both.

mod address;
mod analytics;
mod assets;
mod form;
mod frame;
mod freshness;
mod health;
mod home;
mod live;
mod messages;
mod reading;
mod resolution;
mod sparkline;
mod status;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::problem::Problem;
use crate::server::Asked;

pub(crate) use live::Live;

/// What people ask for.
pub(crate) fn routes() -> Router<Asked> {
    Router::new()
        .route("/", get(home::home))
        .route("/analytics", get(analytics::analytics))
        .route("/messages", get(messages::messages))
        .route("/status", get(status::status))
        .route("/live", get(live::live))
        .route("/assets/{name}", get(assets::asset))
}

/// There is nothing at this address: said to a person in a page, to a program as a problem.
pub(crate) async fn nothing_here(request: Request) -> Response {
    let problem = Problem::not_found();
    match frame::wants_html(request.headers()) {
        true => frame::Failure(problem).into_response(),
        false => problem.into_response(),
    }
}
