//! `/api/v1/openapi.json`: what is served for programs, as an OpenAPI document.
//!
//! In: the routes, each with what stands above its handler. Out: one document, the same as long as the process lives.
//!
//! What must hold: what is described is what is routed, for a handler is routed by its description; an operation's id
//! is its own.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::server::Asked;
use crate::{api, health, metrics, prometheus};

/// Where it is.
pub(crate) const ADDRESS: &str = "/api/v1/openapi.json";

static TEXT: LazyLock<Result<String, serde_json::Error>> = LazyLock::new(|| {
    let prometheus = OpenApiRouter::new().nest(prometheus::ADDRESS, prometheus::described());
    let mut described = described().merge(prometheus).into_openapi();
    for path in described.paths.paths.values_mut() {
        if let (Some(_), Some(post)) = (&path.get, &mut path.post) {
            post.operation_id = None;
        }
    }
    described.to_json().map(|text| text + "\n")
});

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hourglass",
        description = "Service-health metrics: exact answers over messages, and messages in. Each answer names the \
                       messages that it covers. Where tokens are asked for, everything but /healthz and /readyz needs \
                       one; where they are not, none.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security((), ("bearer" = []))
)]
struct Described;

/// How a token is shown.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, described: &mut utoipa::openapi::OpenApi) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some("A token of `hourglass token new`, with the scope read or ingest.".to_owned());
        let components = described.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// What is described, and served where it says.
pub(crate) fn routes() -> Router<Asked> {
    described().into()
}

fn described() -> OpenApiRouter<Asked> {
    OpenApiRouter::with_openapi(Described::openapi())
        .merge(api::described())
        .merge(health::described())
        .merge(metrics::described())
        .routes(routes!(document))
}

/// This document
#[utoipa::path(
    get,
    path = ADDRESS,
    tag = "api",
    operation_id = "openapi",
    responses((status = 200, description = "What is served for programs", body = Object))
)]
async fn document() -> Result<Response, Problem> {
    let text = TEXT.as_ref().map_err(|_| Problem::broken())?;
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, text.as_str()).into_response())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::served;

    #[test]
    fn whatever_is_served_for_programs_is_described() {
        let document: serde_json::Value = serde_json::from_str(TEXT.as_ref().unwrap()).unwrap();
        let described: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        // A router tells its addresses to who prints it.
        let printed = format!("{:?}", served());
        let served: BTreeSet<&str> = printed.split('"').filter(|text| text.starts_with('/')).collect();
        let api =
            |path: &&&str| (path.starts_with("/api/") || path.starts_with(prometheus::ADDRESS)) && !path.contains('*');
        let (described_api, served_api): (Vec<_>, Vec<_>) =
            (described.iter().filter(api).collect(), served.iter().filter(api).collect());
        assert_eq!(described_api, served_api);
        assert!(served_api.len() > 12 && described.is_subset(&served), "{served:?}");
    }
}
