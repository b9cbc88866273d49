//! The frame around every page: head, navigation, the line of freshness; and the page that says what went wrong.
//!
//! What must hold: whatever came from outside is escaped by the template; a failure looks like a page, says what
//! happened and what to do, and has the status of the problem it is.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use schema::Micros;
use views::{Coverage, Every, Manifest, Query, View, query};

use super::address::Address;
use super::assets::{CHARTS, ICON, SCRIPT, STYLE};
use super::freshness::{Freshness, Line};
use super::reading::Clocks;
use crate::problem::Problem;
use crate::server::Asked;

/// What every page has.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    /// Which of the sections it is: `services`, `analytics`, `status`, or none of them.
    pub(super) section: &'static str,
    /// None where nothing could be read.
    pub(super) line: Option<Line>,
    /// `?tz=…` for links, empty for UTC.
    pub(super) zone_query: String,
    pub(super) style: String,
    pub(super) script: String,
    /// The script of the charts, and what that loads; empty where none are drawn.
    pub(super) charts: String,
    pub(super) plotly: String,
    pub(super) icon: String,
}

impl Frame {
    pub(super) fn new(
        title: impl Into<String>,
        section: &'static str,
        clocks: &Clocks,
        fresh: Option<&Freshness>,
    ) -> Self {
        Self {
            title: title.into(),
            section,
            line: fresh.map(|fresh| fresh.line(clocks)),
            zone_query: Address { zone: clocks.zone, ..Address::default() }.link("", &[]),
            style: STYLE.path(),
            script: SCRIPT.path(),
            charts: String::new(),
            plotly: String::new(),
            icon: ICON.path(),
        }
    }

    /// With charts, which `plotly` draws.
    pub(super) fn with_charts(mut self, plotly: String) -> Self {
        (self.charts, self.plotly) = (CHARTS.path(), plotly);
        self
    }
}

/// The line of freshness alone, as an event sends it.
#[derive(Template)]
#[template(path = "freshness.html")]
pub(super) struct FreshnessLine<'a> {
    pub(super) line: &'a Line,
}

/// How fresh `coverage` is. May wait.
pub(super) async fn freshness_of(asked: &Asked, coverage: &Coverage) -> Result<Freshness, Problem> {
    let manifest = Manifest::newest(&*asked.world.store).await?;
    let (here, now) = (asked.world.operations.here(), asked.world.clock.now());
    Ok(Freshness::of(coverage, manifest.as_deref(), &here, now))
}

/// How fresh an answer would be now.
pub(super) async fn freshness_now(asked: &Asked) -> Result<Freshness, Problem> {
    let inside = asked.clone();
    asked
        .compute(move |reader| async move {
            let nothing = Query {
                from: Micros::MIN,
                to: Micros::MIN,
                services: Default::default(),
                every: Every::Minute,
                view: View::Merged,
            };
            freshness_of(&inside, &query(&reader, &nothing).await?.coverage).await
        })
        .await
}

/// A page, as it is sent. It is asked for each time: it says what is now.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => html(status, text),
        Err(error) => {
            tracing::error!(%error, "page not rendered");
            Problem::broken().into_response()
        }
    }
}

fn html(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, text).into_response()
}

/// A problem, as a page.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Problem);

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    frame: Frame,
    problem: &'a Problem,
    unreachable: bool,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let clocks = Clocks { zone: Tz::UTC, now: Micros::MIN };
        let frame = Frame::new(self.0.title(), "", &clocks, None);
        let (problem, status) = (&self.0, self.0.status());
        page(status, &FailurePage { frame, problem, unreachable: status == StatusCode::SERVICE_UNAVAILABLE })
    }
}

/// Whether it is a person who asks: a browser names HTML first.
pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|media| media.split(';').next().unwrap_or_default().trim() == "text/html")
}

#[cfg(test)]
mod tests {
    use storage::StoreError;
    use views::ViewError;

    use super::*;

    async fn shown(error: ViewError) -> (StatusCode, String) {
        let response = Failure(error.into()).into_response();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_store_that_is_away_is_said_in_a_page() {
        let source = Box::from("no name node <b> answers");
        let away = StoreError::Io { operation: "read", key: storage::layout::manifest(1), source };
        let (status, page) = shown(away.into()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(page.contains("the store does not answer") && page.contains("Nothing is lost"), "{page}");
        assert!(page.contains("&#60;b&#62;") && !page.contains("<b>"), "{page}");
    }

    #[test]
    fn a_person_asks_for_html_and_a_program_does_not() {
        for (accept, html) in [("text/html,*/*;q=0.8", true), ("*/*", false), ("application/json", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_html(&headers), html, "{accept}");
        }
    }
}
