//! `series`, `labels`, `label/<name>/values`, `metadata`, `status/buildinfo`: what there is to ask for.
//!
//! What must hold: a service counts as there between `start` and `end` if its first message came before the end and its
//! last after the start; what it sent in between is not looked at.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use serde_json::{Value, json};
use views::{Reader, ServiceSeen, services};

use super::Answer;
use super::catalogue::{Name, names};
use super::failure::Failure;
use super::labels::{Labels, NAME, SERVICE};
use super::parameters::Parameters;
use super::parse::parse_selector;
use super::response::Success;
use super::selector::{MINUTE, Selector};
use crate::server::Asked;

/// The version of Prometheus whose API and rules these are: who asks takes from it what can be asked.
const SPOKEN: &str = "3.0.0";

/// Selectors of one request.
const SELECTORS: usize = 16;

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    /// Selectors, of which any may match; all series where there are none.
    matches: Vec<String>,
    /// From this, in milliseconds.
    start: i64,
    /// To this, included.
    end: i64,
    limit: usize,
}

/// The labels of each series
#[utoipa::path(
    method(get, post),
    path = "/series",
    tag = "prometheus",
    operation_id = "prometheus_series",
    params(
        ("match[]" = Vec<String>, Query, description = "Selectors, of which any may match; at most 16"),
        ("start" = Option<String>, Query, description = "RFC 3339, or seconds since 1970"),
        ("end" = Option<String>, Query, description = "In the same forms"),
        ("limit" = Option<u64>, Query, description = "Of what is listed")
    ),
    responses((status = 200, description = "As Prometheus answers", body = Object))
)]
pub(super) async fn series(State(asked): State<Asked>, parameters: Parameters) -> Answer {
    let wanted = Wanted::read(&parameters)?;
    if wanted.matches.is_empty() {
        return Err(Failure::bad_data(
            "no match[] parameter provided: it says which series, as in match[]=hourglass_messages",
        ));
    }
    let limit = wanted.limit;
    let found = found(&asked, wanted).await?;
    let object =
        |labels: Labels| Value::Object(labels.pairs().map(|(label, value)| (label.into(), value.into())).collect());
    Ok(Success::list(found.into_iter().map(object).collect(), limit))
}

/// The names of the labels
#[utoipa::path(
    method(get, post),
    path = "/labels",
    tag = "prometheus",
    operation_id = "prometheus_labels",
    params(
        ("match[]" = Option<Vec<String>>, Query, description = "Selectors, of which any may match; at most 16"),
        ("start" = Option<String>, Query, description = "RFC 3339, or seconds since 1970"),
        ("end" = Option<String>, Query, description = "In the same forms"),
        ("limit" = Option<u64>, Query, description = "Of what is listed")
    ),
    responses((status = 200, description = "As Prometheus answers", body = Object))
)]
pub(super) async fn labels(State(asked): State<Asked>, parameters: Parameters) -> Answer {
    let wanted = Wanted::read(&parameters)?;
    let limit = wanted.limit;
    let there = !found(&asked, wanted).await?.is_empty();
    Ok(Success::list(if there { vec![NAME, SERVICE] } else { Vec::new() }, limit))
}

/// The values of a label
#[utoipa::path(
    get,
    path = "/label/{name}/values",
    tag = "prometheus",
    operation_id = "prometheus_label_values",
    params(
        ("name" = String, Path, description = "Of the label"),
        ("match[]" = Option<Vec<String>>, Query, description = "Selectors, of which any may match; at most 16"),
        ("start" = Option<String>, Query, description = "RFC 3339, or seconds since 1970"),
        ("end" = Option<String>, Query, description = "In the same forms"),
        ("limit" = Option<u64>, Query, description = "Of what is listed")
    ),
    responses((status = 200, description = "As Prometheus answers", body = Object))
)]
pub(super) async fn values(State(asked): State<Asked>, Path(label): Path<String>, parameters: Parameters) -> Answer {
    let wanted = Wanted::read(&parameters)?;
    let limit = wanted.limit;
    let found = found(&asked, wanted).await?;
    let values = found.iter().flat_map(|labels| labels.pairs()).filter(|(name, _)| *name == label);
    let values: BTreeSet<&str> = values.map(|(_, value)| value).collect();
    Ok(Success::list(values.into_iter().collect(), limit))
}

/// What each name means
#[utoipa::path(
    get,
    path = "/metadata",
    tag = "prometheus",
    operation_id = "prometheus_metadata",
    params(
        ("metric" = Option<String>, Query, description = "Of this one alone"),
        ("limit" = Option<u64>, Query, description = "Of what is listed")
    ),
    responses((status = 200, description = "As Prometheus answers", body = Object))
)]
pub(super) async fn metadata(State(asked): State<Asked>, parameters: Parameters) -> Answer {
    let (limit, only) = (parameters.limit("limit")?, parameters.one("metric").map(str::to_owned));
    let metrics = asked.world.reader.metrics();
    let names = names(metrics).into_iter().filter(|name| only.as_ref().is_none_or(|only| **only == *name.text));
    let told = |name: Name| {
        let meant = json!([{ "type": "gauge", "help": name.help(metrics), "unit": "" }]);
        (name.text.to_string(), meant)
    };
    Ok(Success::of(&Value::Object(names.take(limit).map(told).collect())))
}

/// Whose API this is
#[utoipa::path(
    get,
    path = "/status/buildinfo",
    tag = "prometheus",
    operation_id = "prometheus_build",
    responses((status = 200, description = "As Prometheus answers", body = Object))
)]
pub(super) async fn build() -> Answer {
    let revision = concat!("hourglass-", env!("CARGO_PKG_VERSION"));
    Ok(Success::of(&json!({
        "version": SPOKEN, "revision": revision, "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    })))
}

impl Wanted {
    fn read(parameters: &Parameters) -> Result<Self, Failure> {
        let matches: Vec<String> = parameters.all("match[]").map(str::to_owned).collect();
        if matches.len() > SELECTORS {
            return Err(Failure::bad_data(format!("{} of match[], of {SELECTORS} allowed", matches.len())));
        }
        Ok(Self {
            matches,
            start: parameters.time("start")?.unwrap_or(i64::MIN),
            end: parameters.time("end")?.unwrap_or(i64::MAX),
            limit: parameters.limit("limit")?,
        })
    }

    /// Whether a service has samples there, as far as its first and last tell.
    fn sees(&self, seen: &ServiceSeen) -> bool {
        let sample = |minute: schema::Minute| (i64::from(minute.get()) + 1) * MINUTE;
        sample(seen.first) <= self.end && sample(seen.last) >= self.start
    }
}

/// Every series wanted, sorted.
async fn found(asked: &Asked, wanted: Wanted) -> Result<Vec<Labels>, Failure> {
    let find = move |reader: Reader, metrics| async move {
        let selectors = wanted.matches.iter().map(|text| parse_selector(text)).collect::<Result<Vec<Selector>, _>>()?;
        let wants = |name: &Name, service: &str| {
            let wants = |selector: &Selector| selector.wants_name(&name.text) && selector.wants_service(service);
            selectors.is_empty() || selectors.iter().any(wants)
        };
        let (seen, _) = services(&reader).await?;
        let there: Vec<&ServiceSeen> = seen.iter().filter(|seen| wanted.sees(seen)).collect();
        let mut found = Vec::new();
        for name in names(&metrics) {
            let services = there.iter().map(|seen| seen.service.as_str()).filter(|service| wants(&name, service));
            let labels = |service: &str| Labels { name: Some(name.text.clone()), service: Some(service.into()) };
            found.extend(services.map(labels));
        }
        Ok(found)
    };
    super::compute(asked, find).await
}
