//! `GET /api/v1/messages/raw`: the original lines behind a range, byte for byte, as `hourglass cat` has them.
//!
//! What must hold: a line is as it was logged, one a line of NDJSON, by source and then in the order of their files. The
//! lines of an answer are held in memory before the first is sent, so that one that is too long is refused whole: there
//! is no answer that is cut off.

use std::io;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use views::{Line, ViewError, cat};

use super::parameters::Parameters;
use crate::problem::{Problem, Refusals};
use crate::server::Asked;

/// Bytes of an answer.
const BYTES: usize = 16 << 20;
/// How many messages the files that were looked through hold.
const COVERED: HeaderName = HeaderName::from_static("hourglass-messages-covered");

/// The lines behind a range, as they came
///
/// The parameters are those of a query, of which `every`, `view` and `format` mean nothing here. At most 16 MiB.
#[utoipa::path(
    get,
    path = "/api/v1/messages/raw",
    tag = "api",
    operation_id = "lines",
    params(Parameters),
    responses(
        (
            status = 200,
            description = "The lines, byte for byte",
            body = String,
            content_type = "application/x-ndjson",
            headers(("hourglass-messages-covered" = u64, description = "Messages in the files looked through"))
        ),
        Refusals
    )
)]
pub(crate) async fn lines(State(asked): State<Asked>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let parameters = Parameters::parse(text.as_deref().unwrap_or_default())?;
    let question = parameters.query(asked.world.clock.now())?;
    let (body, covered) = asked
        .compute(move |reader| async move {
            let mut body = Vec::new();
            let mut take = |line: Line<'_>| -> io::Result<()> {
                if body.len() + line.bytes.len() >= BYTES {
                    return Err(io::ErrorKind::QuotaExceeded.into());
                }
                body.extend_from_slice(line.bytes);
                body.push(b'\n');
                Ok(())
            };
            match cat(&reader, &question, &mut take).await {
                Ok(coverage) => Ok((body, coverage.messages())),
                Err(ViewError::Output(full)) if full.kind() == io::ErrorKind::QuotaExceeded => {
                    let most = BYTES >> 20;
                    Err(Problem::too_much(format!(
                        "more than {most} MiB of lines: ask for a shorter range or one service, or use `hourglass cat`"
                    )))
                }
                Err(error) => Err(error.into()),
            }
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (COVERED, HeaderValue::from(covered)),
    ];
    Ok((headers, body).into_response())
}
