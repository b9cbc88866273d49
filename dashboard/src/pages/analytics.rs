//! `GET /analytics`: some services in a range. What is here is painted at once: the range, each service's totals and
//! peaks, links. Curves and rows are drawn by the browser from `/api/v1/query`, so that what is seen is what is answered.
//!
//! What must hold: the address is the whole state; a peak leads to the lines of its minute; at most [`DRAWN`] services
//! are drawn, and those left out are said.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schema::{Metrics, MinuteAggregate, ServiceName, mean};
use serde_json::json;
use views::{Answer, Every, Moment, query};

use super::address::{Address, Range};
use super::assets::PLOTLY;
use super::form::RangeForm;
use super::frame::{Failure, Frame, freshness_now, freshness_of, page};
use super::freshness::Freshness;
use super::reading::{Clocks, exact_value, grouped, value};
use super::resolution::{self, Resolution};
use crate::problem::Problem;
use crate::server::Asked;

/// Services drawn in one chart: as many as colours can be told apart, each solid and dashed.
const DRAWN: usize = 16;

#[derive(Template)]
#[template(path = "analytics.html")]
struct Analytics {
    frame: Frame,
    form: RangeForm,
    heading: String,
    said: String,
    /// Chosen services as the form carries them on.
    chosen: Vec<String>,
    metrics: Vec<String>,
    totals: Vec<Total>,
    left_out: String,
    /// What the script draws, as JSON; empty if there is nothing.
    drawing: String,
    downloads: Vec<Download>,
    pinned: String,
    empty: bool,
}

/// A service over the whole range.
struct Total {
    name: String,
    messages: String,
    cells: Vec<Peak>,
}

struct Peak {
    mean: String,
    peak: String,
    exact: String,
    at: String,
    link: String,
}

struct Download {
    words: String,
    link: String,
    name: String,
}

/// Shows them.
pub(super) async fn analytics(State(asked): State<Asked>, RawQuery(text): RawQuery) -> Result<Response, Failure> {
    let address = Address::parse(text.as_deref().unwrap_or_default());
    if !address.last.is_empty() {
        return Ok(redirect(&address));
    }
    let clocks = Clocks { zone: address.zone, now: asked.world.clock.now() };
    match address.range(clocks.now) {
        Ok(range) => drawn(&asked, &address, range, &clocks).await,
        Err(problem) => refused(&asked, &address, problem, &clocks).await,
    }
}

/// A quick range was pressed: on to the address that says so.
fn redirect(address: &Address) -> Response {
    let every = address.every.map(|every| every.to_string()).unwrap_or_default();
    let from = format!("-{}", address.last);
    let mut pairs = vec![("from", from.as_str()), ("to", "now")];
    if !every.is_empty() {
        pairs.push(("every", &every));
    }
    let to = address.link("/analytics", &pairs);
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

async fn refused(asked: &Asked, address: &Address, problem: String, clocks: &Clocks) -> Result<Response, Failure> {
    let fresh = freshness_now(asked).await?;
    let form = RangeForm::refused(address, problem, clocks);
    let template = Analytics::new(frame(clocks, &fresh, String::new()), form, address);
    Ok(page(StatusCode::BAD_REQUEST, &template))
}

async fn drawn(asked: &Asked, address: &Address, range: Range, clocks: &Clocks) -> Result<Response, Failure> {
    let resolution = resolution::choose(range, address.every);
    // Totals only: what is drawn comes by the API.
    let (inside, question) = (asked.clone(), address.query(range, Every::Day));
    let computed = asked.compute(move |reader| async move {
        let answer = query(&reader, &question).await?;
        let fresh = freshness_of(&inside, &answer.coverage).await?;
        Ok((answer, fresh))
    });
    let (answer, fresh) = computed.await?;
    let plotly = tokio::task::spawn_blocking(|| PLOTLY.path()).await.map_err(|_| Problem::broken())?;
    let form = RangeForm::of(address, range, &resolution, clocks);
    let mut template = Analytics::new(frame(clocks, &fresh, plotly), form, address);
    template.fill(address, range, &resolution, &answer, clocks);
    Ok(page(StatusCode::OK, &template))
}

fn frame(clocks: &Clocks, fresh: &Freshness, plotly: String) -> Frame {
    Frame::new("Analytics", "analytics", clocks, Some(fresh)).with_charts(plotly)
}

impl Analytics {
    /// The page before anything is known of the range.
    fn new(frame: Frame, form: RangeForm, address: &Address) -> Self {
        Self {
            frame,
            form,
            heading: String::new(),
            said: String::new(),
            chosen: address.services.iter().map(ServiceName::to_string).collect(),
            metrics: Vec::new(),
            totals: Vec::new(),
            left_out: String::new(),
            drawing: String::new(),
            downloads: Vec::new(),
            pinned: String::new(),
            empty: false,
        }
    }

    fn fill(&mut self, address: &Address, range: Range, resolution: &Resolution, answer: &Answer, clocks: &Clocks) {
        self.metrics = answer.metrics.iter().map(|metric| metric.name.to_string()).collect();
        // Whole minutes: what is really answered.
        let range = Range { from: answer.from, to: answer.to, ..range };
        self.heading = format!("{} to {}", clocks.minute(range.from), clocks.minute(range.to));
        self.said.clone_from(&resolution.said);
        let totals = totals(answer);
        self.empty = totals.is_empty();
        let drawn = Address { services: shown(address, &totals), ..address.clone() };
        let all = if address.services.is_empty() { totals.len() } else { address.services.len() };
        if all > drawn.services.len() {
            let (drawn, all) = (drawn.services.len(), grouped(all as u64));
            self.left_out =
                format!("{drawn} of {all} services, the first by name: choose which on the page of services.");
        }
        self.totals = drawn.services.iter().map(|service| total(service, &totals, answer, address, clocks)).collect();
        if self.empty {
            return;
        }
        let (from, to) = (range.from.to_string(), range.to.to_string());
        self.pinned =
            drawn.link("/analytics", &[("from", &from), ("to", &to), ("every", &resolution.every.to_string())]);
        self.drawing = drawing(&drawn, range, resolution, &answer.metrics, clocks);
        self.downloads = downloads(&drawn, range, resolution);
    }
}

/// Each service over the whole range, by name.
fn totals(answer: &Answer) -> Vec<(ServiceName, MinuteAggregate)> {
    let mut totals: Vec<(ServiceName, MinuteAggregate)> = Vec::new();
    for row in &answer.rows {
        match totals.last_mut() {
            Some((service, total)) if *service == row.service => total.merge(&row.aggregate),
            _ => totals.push((row.service.clone(), row.aggregate.clone())),
        }
    }
    totals
}

/// Which are drawn: those named, else all.
fn shown(address: &Address, totals: &[(ServiceName, MinuteAggregate)]) -> Vec<ServiceName> {
    match address.services.is_empty() {
        true => totals.iter().map(|(service, _)| service.clone()).take(DRAWN).collect(),
        false => address.services.iter().take(DRAWN).cloned().collect(),
    }
}

fn total(
    service: &ServiceName,
    totals: &[(ServiceName, MinuteAggregate)],
    answer: &Answer,
    address: &Address,
    clocks: &Clocks,
) -> Total {
    let found = totals.binary_search_by(|(known, _)| known.cmp(service)).ok().map(|at| &totals[at].1);
    let Some(total) = found else {
        return Total { name: service.to_string(), messages: "0".to_owned(), cells: Vec::new() };
    };
    let today = clocks.is_today(answer.from);
    let cells = answer.metrics.iter().zip(&total.metrics).map(|(_, metric)| {
        let peak = i128::from(metric.max.get());
        Peak {
            mean: value(mean(metric.sum, total.msg_num)),
            peak: value(peak),
            exact: exact_value(peak),
            at: if today { clocks.second(metric.max_time) } else { clocks.dated(metric.max_time) },
            link: address.of(service).link("/messages", &[("at", &metric.max_time.to_string())]),
        }
    });
    Total { name: service.to_string(), messages: grouped(total.msg_num), cells: cells.collect() }
}

/// The parameters of the API that mean what the page shows.
fn asked_of_api(address: &Address, range: Range, every: Every, moving: bool) -> String {
    let services = Address { zone: chrono_tz::Tz::UTC, ..address.clone() };
    let (from, to) = (range.from.to_string(), range.to.to_string());
    let from = match moving && range.moving {
        true if address.from.is_empty() => "-1h",
        // Only a relative From moves; any other is told as the moment it is, which no zone can change.
        true if matches!(address.from.parse::<Moment>(), Ok(Moment::FromNow(_))) => &address.from,
        _ => &from,
    };
    let to = if moving && range.moving { "now" } else { &to };
    services.link("/api/v1/query", &[("from", from), ("to", to), ("every", &every.to_string())])
}

fn drawing(address: &Address, range: Range, resolution: &Resolution, metrics: &Metrics, clocks: &Clocks) -> String {
    json!({
        "query": asked_of_api(address, range, resolution.every, true),
        "messages": address.of_none().link("/messages", &[]),
        "analytics": address.link("/analytics", &[]),
        "from": range.from.to_string(),
        "to": range.to.to_string(),
        "minutes": resolution.every.minutes(),
        "moving": range.moving,
        "zone": clocks.name(),
        "metrics": metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(),
        "services": address.services.iter().map(ServiceName::as_str).collect::<Vec<_>>(),
    })
    .to_string()
}

fn downloads(address: &Address, range: Range, resolution: &Resolution) -> Vec<Download> {
    let each = |every: Every| {
        [("CSV", "csv"), ("JSON", "json"), ("Parquet", "parquet")].map(|(words, format)| Download {
            words: words.to_owned(),
            link: format!("{}&format={format}", asked_of_api(address, range, every, false)),
            name: format!("hourglass-{every}.{format}"),
        })
    };
    each(resolution.every).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::address::Address;

    #[test]
    fn what_is_drawn_moves_and_what_is_downloaded_does_not() {
        let address = Address::parse("service=a%26b&from=-24h&to=now&tz=Asia/Kolkata");
        let range = address.range("2026-11-21T08:15:00Z".parse().unwrap()).unwrap();
        let drawn = asked_of_api(&address, range, Every::Minute, true);
        assert_eq!(drawn, "/api/v1/query?service=a%26b&from=-24h&to=now&every=1m");
        let pinned = asked_of_api(&address, range, Every::Hour, false);
        let (from, to) = ("2026-11-20T08%3A15%3A00.000000Z", "2026-11-21T08%3A15%3A00.000000Z");
        assert_eq!(pinned, format!("/api/v1/query?service=a%26b&from={from}&to={to}&every=1h"));
    }

    #[test]
    fn a_start_by_the_clocks_of_a_zone_is_the_same_moment_for_the_chart() {
        for to in ["now", ""] {
            let address = Address::parse(&format!("service=a&from=2026-11-22T02:00&to={to}&tz=Europe/Berlin"));
            let range = address.range("2026-11-22T08:15:00Z".parse().unwrap()).unwrap();
            let drawn = asked_of_api(&address, range, Every::Minute, true);
            assert_eq!(drawn, "/api/v1/query?service=a&from=2026-11-22T01%3A00%3A00.000000Z&to=now&every=1m");
        }
    }
}
