//! `/healthz` and `/readyz`: whether this process lives, and whether it can do its job.
//!
//! In: what its owner knows of its roles ([`Readiness`]). Out: 200, or 503 with the reasons.
//!
//! What must hold: `/healthz` asks nothing but the runtime, so only a process that hangs fails it, and a start would
//! help; `/readyz` answers within [`PATIENCE`], whatever hangs.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::server::Asked;

/// How long the roles may take to say how they are.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says whether the roles of a process can do their job now.
#[async_trait]
pub trait Readiness: Debug + Send + Sync {
    /// Why not, each reason a sentence; none if all can.
    async fn reasons(&self) -> Vec<String>;
}

/// What is served here.
pub(crate) fn described() -> OpenApiRouter<Asked> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// Whether this process lives
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    security(()),
    responses((status = 200, description = "It does", body = String))
)]
async fn alive() -> Response {
    no_store("alive\n")
}

/// Whether its roles can do their job now
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "They can", body = String),
        (status = 503, description = "They cannot, and why", body = Problem, content_type = "application/problem+json")
    )
)]
async fn ready(State(asked): State<Asked>) -> Result<Response, Problem> {
    let reasons = tokio::time::timeout(PATIENCE, looked(&asked)).await;
    let reasons = reasons.unwrap_or_else(|_| vec![format!("no answer within {} s", PATIENCE.as_secs())]);
    match reasons.is_empty() {
        true => Ok(no_store("ready\n")),
        // Anybody may ask this; why not is for who may ask more.
        false if !asked.world.access.is_open() => Err(Problem::not_ready("see /status, or the log".to_owned())),
        false => Err(Problem::not_ready(reasons.join("; "))),
    }
}

/// One look at a time, to its end: what hangs is hung on once, however often this is asked.
async fn looked(asked: &Asked) -> Vec<String> {
    let failed = |()| vec!["the look failed".to_owned()];
    let Ok(turn) = Arc::clone(&asked.looks).acquire_owned().await else { return failed(()) };
    let readiness = Arc::clone(&asked.world.readiness);
    let look = tokio::spawn(async move {
        let _turn = turn;
        readiness.reasons().await
    });
    look.await.unwrap_or_else(|_| failed(()))
}

fn no_store(text: &'static str) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], text).into_response()
}
