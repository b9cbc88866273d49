//! `GET /api/v1/query`: one question, one answer, with what it covers.
//!
//! What must hold: the body is what `hourglass query` writes in that format. Its tag is a hash of the body, so an answer
//! that has not changed need not be sent again; it may always change, for messages of any age are accepted, so it is
//! asked for each time.

use std::fmt::Write;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use views::{Query, Reader, query, services, write_answer};

use super::formats;
use super::parameters::Parameters;
use crate::authority::Caller;
use crate::problem::Problem;
use crate::server::Asked;

/// Buckets in the range, for each service; of minutes, two years.
const BUCKETS: u64 = 1_100_000;
/// Rows of an answer.
const ROWS: usize = 2_000_000;

/// Answers.
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
    let body = asked
        .compute(move |reader| async move {
            narrow(&mut question, &caller, &reader).await?;
            let answer = query(&reader, &question).await?;
            if answer.rows.len() > ROWS {
                return Err(Problem::too_much(format!(
                    "{} rows, of {ROWS} allowed: ask for fewer services, a shorter range or wider buckets (every)",
                    answer.rows.len()
                )));
            }
            let mut body = Vec::new();
            write_answer(&mut body, &answer, question.view, format)?;
            Ok(body)
        })
        .await?;
    let tag = tag(&body);
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag);
    let answered = match unchanged {
        true => (StatusCode::NOT_MODIFIED, Body::empty()),
        false => (StatusCode::OK, Body::from(body)),
    };
    let mut response = answered.into_response();
    response.headers_mut().extend([
        (header::CONTENT_TYPE, formats::media(format)),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept")),
    ]);
    Ok(response)
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

fn tag(body: &[u8]) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(body)[..16] {
        // To a String that does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}
