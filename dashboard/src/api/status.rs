//! `GET /api/v1/status`: what `hourglass status` tells, as JSON.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::problem::{Problem, Refusals};
use crate::server::Asked;

/// The store, its monitors and this machine, as `hourglass status --format json` tells
#[utoipa::path(
    get,
    path = "/api/v1/status",
    tag = "api",
    responses((status = 200, description = "Batch, cuts, realtime views, and what is behind", body = Object), Refusals)
)]
pub(crate) async fn status(State(asked): State<Asked>) -> Result<Response, Problem> {
    let inside = asked.clone();
    let known = asked.compute(|_| async move { Ok(inside.world.operations.everything().await.json) }).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, format!("{known:#}\n")).into_response())
}
