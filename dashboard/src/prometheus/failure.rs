//! Failures: what a client is told that asked wrongly, or in vain, in Prometheus' form.
//!
//! Enters: what went wrong. Leaves: `{"status":"error","errorType":…,"error":…}` with the status that Prometheus gives
//! that kind of error. What must hold: the text says what is not possible and what is.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use storage::StoreError;
use views::ViewError;

/// A request that has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    kind: Kind,
    error: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The request cannot be meant, or is not supported.
    BadData,
    /// It is understood, and cannot be evaluated.
    Execution,
    /// The store does not answer.
    Unavailable,
    /// Something failed that never should.
    Internal,
    /// There is nothing at this address.
    NotFound,
    /// Not with this method.
    Method,
}

impl Kind {
    fn named(self) -> (StatusCode, &'static str) {
        match self {
            Kind::BadData => (StatusCode::BAD_REQUEST, "bad_data"),
            Kind::Execution => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Kind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Kind::Method => (StatusCode::METHOD_NOT_ALLOWED, "bad_data"),
        }
    }
}

impl Failure {
    /// The request cannot be meant, or asks for what is not supported.
    pub(super) fn bad_data(error: impl Into<String>) -> Self {
        Self { kind: Kind::BadData, error: error.into() }
    }

    /// It is understood, and cannot be evaluated.
    pub(super) fn execution(error: impl Into<String>) -> Self {
        Self { kind: Kind::Execution, error: error.into() }
    }

    /// Something failed that never should.
    pub(super) fn broken() -> Self {
        let error = "the answer could not be computed: see the log of this process".to_owned();
        Self { kind: Kind::Internal, error }
    }

    /// There is nothing at this address.
    pub(super) fn not_found() -> Self {
        let error = "served below /prometheus/api/v1: query, query_range, series, labels, label/<name>/values, \
                     metadata, status/buildinfo";
        Self { kind: Kind::NotFound, error: error.to_owned() }
    }

    /// Not with this method.
    pub(super) fn method() -> Self {
        let error = "query, query_range, series and labels are asked with GET or POST, the others with GET".to_owned();
        Self { kind: Kind::Method, error }
    }

    /// What is told.
    #[cfg(test)]
    pub(super) fn told(&self) -> &str {
        &self.error
    }
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        tracing::warn!(%error, "no answer");
        let kind = match &error {
            ViewError::Store(StoreError::Io { .. } | StoreError::Unknown { .. }) => Kind::Unavailable,
            _ => Kind::Internal,
        };
        Self { kind, error: error.to_string() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind) = self.kind.named();
        let body = json!({ "status": "error", "errorType": kind, "error": self.error });
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (status, headers, format!("{body}\n")).into_response()
    }
}
