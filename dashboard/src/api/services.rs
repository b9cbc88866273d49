//! `GET /api/v1/services`: who ever sent, first and last, how much, and what that covers.

use axum::extract::{Extension, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use views::{ServiceSeen, covered, services};

use crate::authority::Caller;
use crate::problem::{Problem, Refusals};
use crate::server::Asked;

/// Who ever sent: first and last, and how many messages
#[utoipa::path(
    get,
    path = "/api/v1/services",
    tag = "api",
    operation_id = "services",
    responses(
        (
            status = 200,
            description = "`services`, and the messages that covers",
            body = Object,
            example = json!({
                "coverage": { "monitors": [] },
                "services": [{
                    "service": "checkout",
                    "first": "2026-10-01T08:00:00Z",
                    "last": "2026-10-01T09:59:00Z",
                    "msg_num": 7200
                }]
            })
        ),
        Refusals
    )
)]
pub(crate) async fn list(
    State(asked): State<Asked>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let (mut seen, coverage) = asked.compute(|reader| async move { Ok(services(&reader).await?) }).await?;
    seen.retain(|seen| caller.reaches(&seen.service));
    let coverage = covered(&coverage).map_err(|_| Problem::broken())?;
    let body = json!({ "coverage": coverage, "services": seen.iter().map(object).collect::<Vec<_>>() });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, format!("{body}\n")).into_response())
}

/// As `hourglass services` has it.
fn object(seen: &ServiceSeen) -> serde_json::Value {
    json!({
        "service": seen.service.as_str(),
        "first": seen.first.start().to_string(),
        "last": seen.last.start().to_string(),
        "msg_num": seen.messages,
    })
}
