//! `GET /`: every service with its state now, worst first, and the form that leads to what it was.
//!
//! Enters: a search, and whose clocks. Leaves: one page. Two reads, the last hour by minutes and the list of services,
//! side by side; nothing is kept from one request to the next.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use schema::{Metrics, Micros};
use views::{Answer, Every, Query, View, query, services};

use super::address::Address;
use super::form::RangeForm;
use super::frame::{Failure, Frame, freshness_of, page};
use super::health::{self, Health, SLOTS, mean_of};
use super::reading::{Clocks, exact_value, grouped, value};
use super::sparkline::{self, HEIGHT, STEP, Scale};
use crate::server::Asked;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    form: RangeForm,
    search: String,
    total: String,
    metrics: Vec<String>,
    rows: Vec<Line>,
    view_box: String,
    /// Where the first message can be sent to.
    address: String,
}

/// A service, as it is shown.
struct Line {
    name: String,
    link: String,
    found: bool,
    last: String,
    age: String,
    silent: bool,
    rate: String,
    cells: Vec<Cell>,
}

/// One metric of it; empty where the hour has nothing.
#[derive(Default)]
struct Cell {
    mean: String,
    peak: String,
    exact: String,
    worst: bool,
    mean_path: String,
    peak_path: String,
}

/// Shows them.
pub(super) async fn home(State(asked): State<Asked>, RawQuery(text): RawQuery) -> Result<Response, Failure> {
    let address = Address::parse(text.as_deref().unwrap_or_default());
    let now = asked.world.clock.now();
    let (inside, recent) = (asked.clone(), recent(now));
    let hour = asked.compute(move |reader| async move {
        let answer = query(&reader, &recent).await?;
        let fresh = freshness_of(&inside, &answer.coverage).await?;
        Ok((answer, fresh))
    });
    let ever = asked.compute(|reader| async move { Ok(services(&reader).await?.0) });
    let ((answer, fresh), ever) = tokio::try_join!(hour, ever)?;
    let ranked = health::of_all(&answer.rows, &ever, &answer.metrics, now);
    let clocks = Clocks { zone: address.zone, now };
    let operations = std::sync::Arc::clone(&asked.world.operations);
    let here = if ranked.is_empty() { operations.here() } else { Default::default() };
    let template = Home {
        frame: Frame::new("Services", "services", &clocks, Some(&fresh)),
        form: RangeForm::last_hour(&clocks),
        total: grouped(ranked.len() as u64),
        metrics: answer.metrics.iter().map(|metric| metric.name.to_string()).collect(),
        rows: lines(&ranked, &answer, &address, &clocks),
        view_box: format!("-2 -2 {} {}", STEP * (SLOTS as i64 - 1) + 4, HEIGHT + 4),
        address: here.address.unwrap_or_else(|| "127.0.0.1:7070".to_owned()),
        search: address.search,
    };
    Ok(page(StatusCode::OK, &template))
}

/// The last hour of every service.
fn recent(now: Micros) -> Query {
    let services = BTreeSet::new();
    Query { from: health::window(now).start(), to: now, services, every: Every::Minute, view: View::Merged }
}

fn lines(ranked: &[Health], answer: &Answer, address: &Address, clocks: &Clocks) -> Vec<Line> {
    let scales = scales(ranked, &answer.metrics);
    let wanted = address.search.to_lowercase();
    let line = |health: &Health| Line {
        name: health.service.to_string(),
        link: address.of(&health.service).link("/analytics", &[]),
        found: wanted.is_empty() || health.service.as_str().to_lowercase().contains(&wanted),
        last: clocks.minute(health.last.start()),
        age: clocks.age(health.last.start()),
        silent: health.silent,
        rate: if health.window.is_some() { rate(health.rate()) } else { String::new() },
        cells: scales.iter().enumerate().map(|(metric, scale)| cell(health, metric, *scale)).collect(),
    };
    ranked.iter().map(line).collect()
}

/// What the curves of each metric share.
fn scales(ranked: &[Health], metrics: &Metrics) -> Vec<Scale> {
    let slots = || ranked.iter().flat_map(|health| health.slots.iter().flatten());
    let peaks = |metric: usize| slots().filter_map(move |slot| slot.metrics.get(metric)).map(|found| found.max.get());
    (0..metrics.len()).map(|metric| Scale::of(peaks(metric))).collect()
}

fn cell(health: &Health, metric: usize, scale: Scale) -> Cell {
    let Some((window, whole)) = health.window.as_ref().and_then(|window| Some((window, window.metrics.get(metric)?)))
    else {
        return Cell::default();
    };
    let peak = i128::from(whole.max.get());
    let slots =
        || health.slots.iter().map(|slot| slot.as_ref().and_then(|slot| Some((slot, slot.metrics.get(metric)?))));
    let means = slots().map(|slot| slot.and_then(|(slot, metric)| i64::try_from(mean_of(slot, metric)).ok()));
    Cell {
        mean: value(mean_of(window, whole)),
        peak: value(peak),
        exact: exact_value(peak),
        worst: !health.silent && health.worst == Some(metric),
        mean_path: sparkline::path(means, scale),
        peak_path: sparkline::path(slots().map(|slot| slot.map(|(_, metric)| metric.max.get())), scale),
    }
}

/// Messages a minute: a decimal where that says something.
fn rate(rate: f64) -> String {
    if rate == 0.0 || rate >= 10.0 { grouped(rate.round() as u64) } else { format!("{rate:.1}") }
}
