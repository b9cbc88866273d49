//! `GET /api/v1/query`: one question, one answer, with what it covers.
//!
//! What must hold: the body is what `hourglass query` writes in that format. Its tag is a hash of what is asked and what
//! the answer covers, which fixes every byte: so an answer that has not changed is neither sent nor computed again. It
//! may always change, for messages of any age are accepted: so it is asked for each time.

use std::fmt::Write;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use views::{Answer, Coverage, Format, Prepared, Query, Reader, services, write_answer};

use super::formats;
use super::parameters::Parameters;
use crate::authority::Caller;
use crate::problem::{Problem, Refusals};
use crate::server::Asked;

/// Buckets in the range, for each service; of minutes, two years.
const BUCKETS: u64 = 1_100_000;
/// Rows of an answer.
const ROWS: usize = 2_000_000;
/// Bytes that a row takes, about.
const ROW: usize = 360;

/// Messages, means, sums and peaks by service and time
///
/// At most 1 100 000 buckets a service, and 2 000 000 rows.
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
    let mut question = parameters.query(asked.world.clock.now())?;
    bounded(&question)?;
    let known = headers.get(header::IF_NONE_MATCH).cloned();
    let (tag, body) = asked
        .compute(move |reader| async move {
            narrow(&mut question, &caller, &reader).await?;
            let prepared = Prepared::new(&reader, &question).await?;
            let tag = tag(&question, format, &prepared.coverage())?;
            if known.is_some_and(|known| known == tag) {
                return Ok((tag, None));
            }
            let answer = prepared.answer().await?;
            // Files may have gone away meanwhile: then it covers more.
            let tag = self::tag(&question, format, &answer.coverage)?;
            Ok((tag, Some(written(&answer, &question, format)?)))
        })
        .await?;
    let answered = match body {
        None => (StatusCode::NOT_MODIFIED, Body::empty()),
        Some(body) => (StatusCode::OK, Body::from(body)),
    };
    let mut response = answered.into_response();
    response.headers_mut().extend([
        (header::CONTENT_TYPE, formats::media(format)),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (header::VARY, HeaderValue::from_static("accept")),
    ]);
    Ok(response)
}

fn written(answer: &Answer, question: &Query, format: Format) -> Result<Vec<u8>, Problem> {
    if answer.rows.len() > ROWS {
        return Err(Problem::too_much(format!(
            "{} rows, of {ROWS} allowed: ask for fewer services, a shorter range or wider buckets (every)",
            answer.rows.len()
        )));
    }
    let mut body = Vec::with_capacity(1024 + ROW * answer.rows.len());
    write_answer(&mut body, answer, question.view, format)?;
    Ok(body)
}

/// Leaves to a question the services that its caller reaches.
async fn narrow(question: &mut Query, caller: &Caller, reader: &Reader) -> Result<(), Problem> {
    if let Some(beyond) = question.services.iter().find(|service| !caller.reaches(service)) {
        return Err(Problem::forbidden(format!("this token does not reach the service {beyond}")));
    }
    if question.services.is_empty() && !caller.all_services() {
        let (seen, _) = services(reader).await?;
        question.services = seen.into_iter().map(|seen| seen.service).filter(|name| caller.reaches(name)).collect();
        // None named would be all of them.
        if question.services.is_empty() {
            return Err(Problem::forbidden("this token reaches none of the services that have sent"));
        }
    }
    Ok(())
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
fn tag(question: &Query, format: Format, coverage: &Coverage) -> Result<HeaderValue, Problem> {
    let coverage = serde_json::to_string(coverage).map_err(|_| Problem::broken())?;
    let named = format!("{}\n{question:?}\n{format:?}\n{coverage}", env!("CARGO_PKG_VERSION"));
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(named)[..16] {
        // To a String that does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::try_from(tag).map_err(|_| Problem::broken())
}
