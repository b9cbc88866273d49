//! The API, version 1: what `query`, `services` and `cat` answer, over HTTP.

mod formats;
mod parameters;
mod query;
mod raw;
mod services;

use axum::Router;
use axum::routing::get;

use crate::server::Asked;

/// What is served below `/api/v1`.
pub(crate) fn routes() -> Router<Asked> {
    Router::new()
        .route("/api/v1/query", get(query::answer))
        .route("/api/v1/services", get(services::list))
        .route("/api/v1/messages/raw", get(raw::lines))
}
