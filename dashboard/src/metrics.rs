//! `/metrics`: what this process counts and times, for Prometheus.
//!
//! In: a registry that its owner has filled, and each request. Out: OpenMetrics text for who accepts that, Prometheus'
//! older text for everybody else.
//!
//! What must hold: requests are told apart by the routes there are, never by what a client makes up, so that their
//! number is bounded.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Problem, Refusals};
use crate::server::Asked;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// A registry, and what is measured of HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Labels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

type Labels = [(&'static str, String); 3];

/// From a page that is at hand to a year of everything.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(500e-6, 2.0, 16))
}

impl Metrics {
    /// Serves what `registry` has, and what is measured here.
    #[must_use]
    pub fn over(mut registry: Registry) -> Self {
        let requests = Family::new_with_constructor(seconds as fn() -> Histogram);
        let in_flight = Gauge::default();
        let http = registry.sub_registry_with_prefix("hourglass_http");
        http.register("request_seconds", "Time to answer a request, by route, method and status, which is `gone` where it took too long or its client left", requests.clone());
        http.register("requests_in_flight", "Requests being answered", in_flight.clone());
        Self { registry: Arc::new(registry), requests, in_flight }
    }
}

/// What is served here.
pub(crate) fn described() -> OpenApiRouter<Asked> {
    OpenApiRouter::new().routes(routes!(scrape))
}

/// Times a request.
pub(crate) async fn measure(State(asked): State<Asked>, request: Request, next: Next) -> Response {
    let metrics = &asked.world.metrics;
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let (method, begin) = (method(request.method()), Instant::now());
    metrics.in_flight.inc();
    let mut timed = Timed { metrics: metrics.clone(), route, method, begin, status: GONE.to_owned() };
    let response = next.run(request).await;
    timed.status = response.status().as_str().to_owned();
    response
}

/// The status of a request that took too long, or whose client left before its answer.
const GONE: &str = "gone";

/// A request; counted when it is dropped, however that comes about.
struct Timed {
    metrics: Metrics,
    route: String,
    method: &'static str,
    begin: Instant,
    status: String,
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        let text = |text: &mut String| std::mem::take(text);
        let labels =
            [("route", text(&mut self.route)), ("method", self.method.to_owned()), ("status", text(&mut self.status))];
        self.metrics.requests.get_or_create(&labels).observe(self.begin.elapsed().as_secs_f64());
    }
}

/// A method that means something to HTTP; a client may make up others.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// What this process counts and times, for Prometheus
// On a thread of its own, for a disk may be asked how full it is.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    operation_id = "metrics",
    responses(
        (
            status = 200,
            description = "Prometheus' text, or OpenMetrics for who accepts that",
            content(
                (String = "text/plain; version=0.0.4; charset=utf-8"),
                (String = "application/openmetrics-text; version=1.0.0; charset=utf-8")
            )
        ),
        Refusals
    )
)]
async fn scrape(State(asked): State<Asked>, headers: HeaderMap) -> Result<Response, Problem> {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let open = accepted.contains(OPEN_METRICS);
    let registry = Arc::clone(&asked.world.metrics.registry);
    let encoded = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        encode(&mut text, &registry).map(|()| text)
    });
    let Ok(Ok(text)) = encoded.await else { return Err(Problem::broken()) };
    let (kind, text) = match open {
        true => ("application/openmetrics-text; version=1.0.0; charset=utf-8", text),
        false => ("text/plain; version=0.0.4; charset=utf-8", older(&text)),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

/// OpenMetrics text in Prometheus' own format, version 0.0.4: there a counter or info is announced by the name that its
/// samples have, an info is a gauge, and the text just ends.
fn older(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = None;
    for line in open.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                _ => ("", kind),
            };
            let help = help.take().map_or("", |(_, help)| help);
            // To a String that does not fail.
            let _ = write!(text, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::info::Info;

    use super::*;

    #[test]
    fn the_older_text_announces_each_sample_by_its_own_name() {
        let mut registry = Registry::default();
        registry.register("lines", "Lines\nread", Counter::<u64>::default());
        registry.register("open", "Open", Gauge::<i64>::default());
        registry.register("build", "Build", Info::new([("version", "1")]));
        let mut open = String::new();
        encode(&mut open, &registry).unwrap();
        assert!(open.ends_with("# EOF\n"));
        let expected = "# HELP lines_total Lines\\nread.\n# TYPE lines_total counter\nlines_total 0\n\
                        # HELP open Open.\n# TYPE open gauge\nopen 0\n\
                        # HELP build_info Build.\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n";
        assert_eq!(older(&open.replace("Lines\nread", "Lines\\nread")), expected);
    }

    #[test]
    fn a_method_that_a_client_makes_up_is_no_label() {
        assert_eq!(method(&Method::GET), "GET");
        assert_eq!(method(&Method::from_bytes(b"EVIL").unwrap()), "other");
    }
}
