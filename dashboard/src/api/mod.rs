//! The API, version 1: what `query`, `services` and `cat` answer, over HTTP; and messages in.

mod formats;
pub(crate) mod messages;
mod parameters;
mod query;
mod raw;
mod services;
mod status;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::server::Asked;

/// What is served below `/api/v1`, and described.
pub(crate) fn described() -> OpenApiRouter<Asked> {
    OpenApiRouter::new()
        .routes(routes!(query::answer))
        .routes(routes!(services::list))
        .routes(routes!(status::status))
        .routes(routes!(raw::lines))
        .routes(routes!(messages::post))
}
