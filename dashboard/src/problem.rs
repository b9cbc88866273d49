//! Problems: what a client is told that asked wrongly, or in vain (RFC 9457, `application/problem+json`).
//!
//! What must hold: a problem says what was wrong and what is allowed instead; what went wrong inside is named as on the
//! command line and logged here, without a path of this machine's disk where it is not the store's own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use storage::StoreError;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema, ToSchema};
use views::ViewError;

/// An answer that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// The request cannot be meant.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, title: "the request cannot be understood", detail: detail.into() }
    }

    /// It is understood, and asks for too much.
    pub(crate) fn too_much(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, title: "that is too much at once", detail: detail.into() }
    }

    pub(crate) fn not_found() -> Self {
        let detail = "served here: /, /analytics, /messages, /status; /api/v1/query, /api/v1/services, \
                      /api/v1/messages (POST), /api/v1/messages/raw, /api/v1/status, \
                      /api/v1/openapi.json; /prometheus; /healthz, /readyz, \
                      /metrics"
            .to_owned();
        Self { status: StatusCode::NOT_FOUND, title: "there is nothing at this address", detail }
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "the header Allow names the methods that this address takes".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, title: "not with this method", detail }
    }

    pub(crate) fn not_acceptable(detail: impl Into<String>) -> Self {
        let title = "there is no such format";
        Self { status: StatusCode::NOT_ACCEPTABLE, title, detail: detail.into() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn title(&self) -> &'static str {
        self.title
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// A role of this process cannot do its job now.
    pub(crate) fn not_ready(detail: String) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, title: "not ready", detail }
    }

    /// Its status, title and detail.
    pub(crate) fn into_parts(self) -> (StatusCode, &'static str, String) {
        (self.status, self.title, self.detail)
    }

    /// Nothing was shown that allows it.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        let detail = format!("{}: send one as `Authorization: Bearer TOKEN`", detail.into());
        Self { status: StatusCode::UNAUTHORIZED, title: "who asks is not known", detail }
    }

    /// What was shown does not allow it.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, title: "that is not for whoever asks", detail: detail.into() }
    }

    /// Whoever asks has asked too often.
    pub(crate) fn too_often(wait: std::time::Duration) -> Response {
        let seconds = wait.as_secs() + 1;
        let detail = format!("more requests a second than http.rate allows: ask again in {seconds} s");
        let problem = Self { status: StatusCode::TOO_MANY_REQUESTS, title: "that is too often", detail };
        ([(header::RETRY_AFTER, HeaderValue::from(seconds))], problem).into_response()
    }

    /// It took longer than a request may.
    pub(crate) fn too_long(limit: std::time::Duration) -> Self {
        let detail = format!("there is no answer within {limit:?}: send the request faster, ask for less, or later");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, title: "that took too long", detail }
    }

    /// Something failed that never should.
    pub(crate) fn broken() -> Self {
        let detail = "see the log of this process".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, title: "the answer could not be computed", detail }
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        tracing::warn!(%error, "no answer");
        let (status, title) = match &error {
            ViewError::Store(StoreError::Io { .. } | StoreError::Unknown { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
            }
            ViewError::TooManyRows { .. } => return Self::too_much(error.to_string()),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be computed"),
        };
        Self { status, title, detail: error.to_string() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title, detail) = self.into_parts();
        let mut response = respond(status, title, &detail, Map::new());
        if status == StatusCode::UNAUTHORIZED {
            let asked = HeaderValue::from_static("Bearer realm=\"hourglass\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, asked);
        }
        response
    }
}

/// What any address of the API may answer instead.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let described = [
            ("400", "The request cannot be understood: `detail` says what is allowed"),
            ("401", "Who asks is not known"),
            ("403", "That is not for whoever asks"),
            ("422", "That is too much at once: `detail` says what to ask for instead"),
            ("429", "That is too often, or too much at the same time: `Retry-After` says when to ask again"),
            ("500", "The answer could not be computed: the log of the process says why"),
            ("503", "Not now: the store does not answer, or it took too long"),
        ];
        let problem = || ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response = |told: &str| {
            RefOr::T(ResponseBuilder::new().description(told).content("application/problem+json", problem()).build())
        };
        described.into_iter().map(|(status, told)| (status.to_owned(), response(told))).collect()
    }
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        let member = |kind, told: &str| ObjectBuilder::new().schema_type(kind).description(Some(told)).build();
        ObjectBuilder::new()
            .description(Some("An answer that is none (RFC 9457)"))
            .property("status", member(Type::Integer, "The same as the answer's own"))
            .property("title", member(Type::String, "What kind of problem it is"))
            .property("detail", member(Type::String, "What was wrong, and what to do next"))
            .property("handed_over", member(Type::Integer, "Lines posted that will count once they are durable"))
            .property("resume", member(Type::Integer, "How many of the client's lines are consumed, durably"))
            .property("sealed", member(Type::Boolean, "Whether the monitor takes nothing any more, ever"))
            .required("status")
            .required("title")
            .required("detail")
            .into()
    }
}

impl ToSchema for Problem {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Problem")
    }
}

/// A problem as it goes out, with members of its own.
pub(crate) fn respond(status: StatusCode, title: &str, detail: &str, members: Map<String, Value>) -> Response {
    let mut body = json!({ "status": status.as_u16(), "title": title, "detail": detail });
    if let Some(body) = body.as_object_mut() {
        body.extend(members);
    }
    let kind = HeaderValue::from_static("application/problem+json");
    let mut response = (status, [(header::CONTENT_TYPE, kind)], format!("{body}\n")).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
