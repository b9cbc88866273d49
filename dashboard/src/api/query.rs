//! `GET /api/v1/query`: one question, one answer, with what it covers.
//!
//! What must hold: the body is what `hourglass query` writes in that format. Its tag is a hash of what is asked and what
//! the answer covers, which fixes every byte: so an answer that has not changed is neither sent nor computed again. It
//! may always change, for messages of any age are accepted: so it is asked for each time.

use std::fmt::Write;

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use views::{Coverage, Format, Prepared, Query, covered, write_answer};

use super::formats;
use super::parameters::Parameters;
use crate::authority::Caller;
use crate::problem::{Problem, Refusals};
use crate::server::Asked;

/// Buckets in the range, for each service; of minutes, two years.
const BUCKETS: u64 = 1_100_000;
/// Rows of an answer.
const ROWS: usize = 500_000;
/// Bytes that a row takes, about.
const ROW: usize = 360;
/// What an answer covers, as its JSON says it.
const COVERAGE: HeaderName = HeaderName::from_static("hourglass-coverage");
/// Bytes of that header.
const COVERAGE_BYTES: usize = 8 << 10;

/// Messages, means, sums and peaks by service and time
///
/// At most 1 100 000 buckets a service, and 500 000 rows.
#[utoipa::path(
    get,
    path = "/api/v1/query",
    tag = "api",
    operation_id = "query",
    params(
        Parameters,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer at hand")
    ),
    responses(
        (
            status = 200,
            description = "The rows; as JSON with `from`, `to`, `every`, `view` and `coverage` before them",
            content(
                (Object = "application/json"),
                (String = "text/csv; charset=utf-8; header=present"),
                (String = "application/x-ndjson"),
                ("application/vnd.apache.parquet"),
                ("application/vnd.apache.arrow.stream")
            ),
            headers(("etag" = String, description = "Of what is asked and which messages that covers"))
        ),
        (status = 304, description = "As at hand"),
        (status = 406, description = "None of the formats is accepted", body = Problem,
         content_type = "application/problem+json"),
        Refusals
    )
)]
pub(crate) async fn answer(
    State(asked): State<Asked>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::parse(text.as_deref().unwrap_or_default())?;
    let format = formats::asked(parameters.format.as_deref(), &headers)?;
    let question = parameters.query(asked.world.clock.now())?;
    bounded(&question)?;
    let known = headers.get(header::IF_NONE_MATCH).cloned();
    let (tag, body) = asked
        .compute(move |reader| async move {
            permitted(&question, &caller)?;
            let reader = reader.with_rows(ROWS);
            let prepared = Prepared::new(&reader, &question).await?;
            let tag = tag(&question, &caller, format, &prepared.coverage())?;
            if known.is_some_and(|known| known == tag) {
                return Ok((tag, None));
            }
            let mut answer = prepared.answer().await?;
            answer.rows.retain(|row| caller.reaches(&row.service));
            // Files may have gone away meanwhile: then it covers more.
            let tag = self::tag(&question, &caller, format, &answer.coverage)?;
            let mut body = Vec::with_capacity(1024 + ROW * answer.rows.len());
            write_answer(&mut body, &answer, question.view, format)?;
            Ok((tag, Some((stated(&answer.coverage)?, body))))
        })
        .await?;
    let mut headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, formats::media(format)),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::VARY, HeaderValue::from_static("accept")),
    ]);
    let Some((coverage, body)) = body else { return Ok((StatusCode::NOT_MODIFIED, headers).into_response()) };
    headers.insert(COVERAGE, coverage);
    Ok((headers, body).into_response())
}

/// Refuses a question for a service that its caller does not reach.
fn permitted(question: &Query, caller: &Caller) -> Result<(), Problem> {
    match question.services.iter().find(|service| !caller.reaches(service)) {
        Some(beyond) => Err(Problem::forbidden(format!("this token does not reach the service {beyond}"))),
        None => Ok(()),
    }
}

/// The coverage for a header, whatever the format; of very many monitors only how many messages.
fn stated(coverage: &Coverage) -> Result<HeaderValue, Problem> {
    let whole = covered(coverage).map_err(|_| Problem::broken())?.to_string();
    let text = if whole.len() <= COVERAGE_BYTES { whole } else { format!("{{\"messages\":{}}}", coverage.messages()) };
    HeaderValue::try_from(text).map_err(|_| Problem::broken())
}

fn bounded(question: &Query) -> Result<(), Problem> {
    let minutes = question.minutes();
    let buckets =
        u64::from(minutes.end.get().saturating_sub(minutes.start.get())) / u64::from(question.every.minutes());
    if buckets > BUCKETS {
        let why = format!("{buckets} buckets of {}, of {BUCKETS} allowed: ask for wider ones (every)", question.every);
        return Err(Problem::too_much(why));
    }
    Ok(())
}

/// What tells this answer from every other one: what is asked, and which messages that covers.
fn tag(question: &Query, caller: &Caller, format: Format, coverage: &Coverage) -> Result<HeaderValue, Problem> {
    let coverage = serde_json::to_string(coverage).map_err(|_| Problem::broken())?;
    let who = caller.name().unwrap_or_default();
    let named = format!("{}\n{who}\n{question:?}\n{format:?}\n{coverage}", env!("CARGO_PKG_VERSION"));
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(named)[..16] {
        // To a String that does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::try_from(tag).map_err(|_| Problem::broken())
}
