//! `query` and `query_range`: an expression at one time, or at several.

use std::sync::Arc;

use axum::extract::State;
use schema::Metrics;
use views::Reader;

use super::Answer;
use super::catalogue::names;
use super::evaluate::evaluate;
use super::expression::Expression;
use super::failure::Failure;
use super::labels::Labels;
use super::parameters::Parameters;
use super::parse::parse;
use super::response::Success;
use super::samples::Samples;
use super::selector::Selector;
use super::steps::Steps;
use super::window::windows;
use crate::server::Asked;

/// An expression at `time`, or now
#[utoipa::path(
    method(get, post),
    path = "/query",
    tag = "prometheus",
    operation_id = "prometheus_query",
    params(
        ("query" = String, Query, description = "In PromQL"),
        ("time" = Option<String>, Query, description = "RFC 3339, or seconds since 1970; now if not there")
    ),
    responses((status = 200, description = "As Prometheus answers", body = Object))
)]
pub(super) async fn instant(State(asked): State<Asked>, parameters: Parameters) -> Answer {
    let now = asked.world.clock.now().get().div_euclid(1000);
    let time = parameters.time("time")?.unwrap_or(now);
    let text = parameters.required("query")?.to_owned();
    super::compute(&asked, move |reader, metrics| async move { at(&reader, &metrics, parse(&text)?, time).await }).await
}

/// An expression from `start` to `end`, each `step`
#[utoipa::path(
    method(get, post),
    path = "/query_range",
    tag = "prometheus",
    operation_id = "prometheus_query_range",
    params(
        ("query" = String, Query, description = "In PromQL"),
        ("start" = String, Query, description = "RFC 3339, or seconds since 1970"),
        ("end" = String, Query, description = "In the same forms"),
        ("step" = String, Query, description = "Seconds, or as in 5m")
    ),
    responses((status = 200, description = "As Prometheus answers", body = Object))
)]
pub(super) async fn range(State(asked): State<Asked>, parameters: Parameters) -> Answer {
    let steps = parameters.steps()?;
    let text = parameters.required("query")?.to_owned();
    let compute = move |reader: Reader, metrics: Metrics| async move {
        let Expression::Steps(plan) = parse(&text)? else {
            let why = "a range vector or a string cannot be evaluated over a range: a scalar or an instant vector can";
            return Err(Failure::bad_data(why));
        };
        let samples = Samples::read(&reader, names(&metrics), &plan.selectors, &steps).await?;
        Ok(Success::range(&steps.times(), evaluate(&plan, &samples, &steps)?))
    };
    super::compute(&asked, compute).await
}

async fn at(reader: &Reader, metrics: &Metrics, expression: Expression, time: i64) -> Answer {
    let steps = Steps::at(time);
    match expression {
        Expression::Text(text) => Ok(Success::text(time, &text)),
        Expression::Steps(plan) => {
            let samples = Samples::read(reader, names(metrics), &plan.selectors, &steps).await?;
            Ok(Success::moment(time, evaluate(&plan, &samples, &steps)?))
        }
        Expression::Samples(selector) => {
            let samples = Samples::read(reader, names(metrics), std::slice::from_ref(&selector), &steps).await?;
            Ok(as_they_are(&selector, &samples, &steps))
        }
    }
}

/// The samples of one window.
fn as_they_are(selector: &Selector, samples: &Samples, steps: &Steps) -> Success {
    let ends = selector.ends(steps);
    let mut series = Vec::new();
    for (service, columns) in samples.services.iter().filter(|(service, _)| selector.wants_service(service)) {
        for window in windows(&columns.times, &ends, selector.back()) {
            for (name, values) in samples.names.iter().zip(&columns.values) {
                let labels = Labels { name: Some(Arc::clone(&name.text)), service: Some(Arc::clone(service)) };
                let times = columns.times[window.clone()].iter().copied();
                series.push((labels, times.zip(values[window.clone()].iter().copied())));
            }
        }
    }
    series.sort_by(|(one, _), (other, _)| one.cmp(other));
    Success::matrix(series.iter().map(|(labels, points)| (labels, points.clone())))
}
