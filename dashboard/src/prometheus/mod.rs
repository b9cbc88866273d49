//! Prometheus' query API over the store, below `/prometheus/api/v1`: for Grafana's Prometheus data source, `promtool
//! query`, and whoever else speaks it.
//!
//! | to know | read |
//! |---|---|
//! | what can be asked for | `discovery.rs`, `catalogue.rs` |
//! | how a text becomes an expression, and what is refused | `syntax.rs`, `parse.rs`, `expression.rs`, `selector.rs` |
//! | what is read | `samples.rs` |
//! | how an expression is evaluated | `evaluate.rs`, `window.rs`, `binary.rs`, `aggregate.rs` |
//! | how an answer looks, and a refusal | `response.rs`, `failure.rs` |
//!
//! **Series.** For each metric `m` of the store `hourglass_<m>_mean`, `hourglass_<m>_max` and `hourglass_<m>_sum`, and
//! `hourglass_messages`, with the label `service`. All are gauges with one sample for each minute that has messages.
//!
//! **When a sample is taken.** A minute's sample stands at the minute's end: that of 12:00:00 up to 12:01:00 at
//! 12:01:00. So no sample stands later than the time it is asked for, and the minute that is still open has none yet.
//! Windows are open on the left and closed on the right, as in Prometheus 3: one of an hour asked for at 13:00 holds
//! exactly the minutes from 12:00 to 13:00, and windows side by side share no minute and leave none out.
//!
//! **Values** are the doubles nearest to the exact aggregates. An `avg_over_time` of means weighs each minute the same,
//! however many messages it has. The mean over messages is the total over their number, which is what the `_sum` series
//! are for: `sum_over_time(hourglass_cpu_sum[1h]) / sum_over_time(hourglass_messages[1h])` of an hour, and
//! `sum(hourglass_cpu_sum) / sum(hourglass_messages)` of all services.
//!
//! What must hold: an expression is answered as Prometheus answers it over those samples, or refused by naming what is
//! not supported. A message that comes late changes its minute, as it does everywhere.

mod aggregate;
mod binary;
mod catalogue;
mod discovery;
mod evaluate;
mod expression;
mod failure;
mod labels;
mod map;
mod parameters;
mod parse;
mod query;
mod quotient;
mod response;
mod samples;
mod selector;
mod steps;
mod syntax;
mod vector;
mod window;

use axum::Router;
use schema::Metrics;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use views::Reader;

use crate::server::Asked;
use failure::Failure;
use response::Success;

/// What a request comes to.
type Answer = Result<Success, Failure>;

/// Below what it is served.
pub(crate) const ADDRESS: &str = "/prometheus/api/v1";

/// What is served below [`ADDRESS`], and described.
pub(crate) fn described() -> OpenApiRouter<Asked> {
    OpenApiRouter::new()
        .routes(routes!(query::instant))
        .routes(routes!(query::range))
        .routes(routes!(discovery::series))
        .routes(routes!(discovery::labels))
        .routes(routes!(discovery::values))
        .routes(routes!(discovery::metadata))
        .routes(routes!(discovery::build))
}

/// What is served below `/prometheus`.
pub(crate) fn routes() -> Router<Asked> {
    let routes = Router::from(described()).method_not_allowed_fallback(|| async { Failure::method() });
    let prometheus = Router::new().nest("/api/v1", routes).fallback(|| async { Failure::not_found() });
    Router::new().nest("/prometheus", prometheus)
}

/// Computes on a thread of its own, given the store's metrics too.
async fn compute<T, F>(asked: &Asked, work: impl FnOnce(Reader, Metrics) -> F + Send + 'static) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
    T: Send + 'static,
{
    let work = |reader: Reader| async move {
        let metrics = reader.metrics().clone();
        Ok(work(reader, metrics).await)
    };
    asked.compute(work).await.unwrap_or_else(|_| Err(Failure::broken()))
}
