//! `POST /api/v1/messages`: lines in, counts out, once everything is durable.
//!
//! In: NDJSON, or as `application/json` also one array whose elements are lines, perhaps gzipped; with
//! `Idempotency-Key`, whose lines they are and the number of the first. Out: 200 with how many lines were accepted and
//! rejected, or a problem.
//!
//! What must hold: 200 only for what is durable (`ack.after`); a request that is refused for what it is (400, 408, 413,
//! 415, 429) has handed over nothing; 409 says where the client's lines go on, and which monitor says so; whatever says
//! Retry-After may be sent again as it was, and each of its lines counts once. A page of another site cannot post: the
//! types asked for are ones that a browser asks leave for first.

mod array;
mod body;

use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::sync::Arc;

use access::Grant;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schema::ClientId;
use serde_json::{Map, Value, json};

pub(crate) use self::body::{Bodies, pass_over};
use self::body::{Form, Packing, Unusable, Whole};
use crate::authority::Caller;
use crate::connections::Peer;
use crate::ingest::{Ingest, NotTaken, Submission, Taken, Why};
use crate::problem::{self, Problem, Refusals};
use crate::server::Asked;

/// A client, and the number of a line.
type Key = (ClientId, NonZeroU64);

/// What takes a body, what it may be, how it is packed, and whose lines are in it.
type Admitted = (Arc<dyn Ingest>, Form, Packing, Option<Key>);

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

const TYPES: [(&str, Form); 5] = [
    ("application/x-ndjson", Form::Lines),
    ("application/json", Form::Json),
    ("application/ndjson", Form::Lines),
    ("application/jsonl", Form::Lines),
    ("application/x-jsonlines", Form::Lines),
];

/// Seconds after which to try again.
const SOON: u32 = 1;

/// An answer other than 200.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    title: &'static str,
    detail: String,
    members: Map<String, Value>,
    retry: bool,
}

/// Messages in: 200 once they are durable
///
/// At most 8 MiB as sent, 32 MiB unpacked, 64 KiB a line, and a minute to arrive.
#[utoipa::path(
    post,
    path = "/api/v1/messages",
    tag = "api",
    operation_id = "send",
    params(
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "`<client>/<number of the first line>`: each line counts once, however often it is sent",
            pattern = "^.{1,128}/[0-9]+$",
            example = "web-17/1"
        ),
        ("Content-Encoding" = Option<String>, Header, description = "`gzip`, or not there", example = "gzip")
    ),
    request_body(
        description = "Lines, or one JSON array, of which each element is a line",
        content(
            (String = "application/x-ndjson"),
            (Vec<Object> = "application/json"),
            (String = "application/ndjson"),
            (String = "application/jsonl"),
            (String = "application/x-jsonlines")
        )
    ),
    responses(
        (
            status = 200,
            description = "All of it is durable",
            body = Object,
            example = json!({
                "accepted": 2, "messages": 2, "monitor": "web-1/8f0c2e7d5a91b364", "rejected": 1,
                "rejects": [{ "line": 2, "reason": "invalid_json" }], "skipped": 0
            })
        ),
        (status = 404, description = "No messages are taken here", body = Problem,
         content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "The client's lines go on elsewhere: `resume` says after which", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Of another type", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "No more clients can be remembered", body = Problem,
         content_type = "application/problem+json"),
        Refusals
    )
)]
pub(crate) async fn post(State(asked): State<Asked>, request: Request) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let grant = parts.extensions.get::<Caller>().and_then(|caller| caller.grant().cloned());
    let (ingest, form, packing, key) = match admitted(&asked, &parts.headers, grant.as_ref()) {
        Ok(admitted) => admitted,
        // Who asks first whether to go on has sent nothing yet.
        Err(refused) if parts.headers.contains_key(header::EXPECT) => return Err(refused),
        Err(refused) => {
            body::pass_over(body).await;
            return Err(refused);
        }
    };
    let whole = checked(asked.bodies.fetch(body, form, packing).await?).await?;
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.address);
    let peer = peer.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
    let keyed = key.is_some();
    let taken = ingest.submit(Submission { peer, grant, key, lines: whole.lines() }).await;
    taken.map(|taken| answer(&taken)).map_err(|not_taken| Refused::by_ingest(not_taken, keyed))
}

/// What can be said before the body is here.
fn admitted(asked: &Asked, headers: &HeaderMap, grant: Option<&Grant>) -> Result<Admitted, Refused> {
    let ingest = asked.world.ingest.clone().ok_or_else(Refused::nobody)?;
    let form = form(headers)?;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > body::SENT) {
        return Err(body::too_large().into());
    }
    let (packing, key) = (packing(headers)?, key(headers, grant)?);
    ingest.ready().map_err(|not_taken| Refused::by_ingest(not_taken, key.is_some()))?;
    Ok((ingest, form, packing, key))
}

fn answer(taken: &Taken) -> Response {
    let rejects: Vec<Value> = taken.rejects.iter().map(|(line, why)| json!({ "line": line, "reason": why })).collect();
    let unnamed = taken.rejected - taken.rejects.len() as u64;
    let mut body = json!({
        "accepted": taken.accepted,
        "rejected": taken.rejected,
        "skipped": taken.skipped,
        "messages": taken.messages,
        "rejects": rejects,
        "monitor": taken.monitor,
    });
    if unnamed > 0 {
        body["rejects_not_listed"] = unnamed.into();
    }
    if let Some(resume) = taken.resume {
        body["resume"] = resume.into();
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, format!("{body}\n")).into_response()
}

/// Reads it once where that can go wrong, on a thread for such work.
async fn checked(whole: Whole) -> Result<Whole, Refused> {
    let checking = tokio::task::spawn_blocking(move || whole.checked());
    let checked = checking.await.unwrap_or_else(|_| Err(Unusable::Broken("unpacking it failed".to_owned())));
    Ok(checked?)
}

fn form(headers: &HeaderMap) -> Result<Form, Refused> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if let Some((_, form)) = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(essence)) {
        return Ok(*form);
    }
    let known = TYPES.map(|(known, _)| known).join(", ");
    let detail = format!("Content-Type is {given:?} and must be one of {known}");
    Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "messages come as NDJSON or JSON", detail))
}

fn packing(headers: &HeaderMap) -> Result<Packing, Refused> {
    let given = headers.get(header::CONTENT_ENCODING).map_or("identity", |given| given.to_str().unwrap_or_default());
    match given.trim().to_ascii_lowercase().as_str() {
        "identity" => Ok(Packing::None),
        "gzip" | "x-gzip" => Ok(Packing::Gzip),
        _ => {
            let detail = format!("Content-Encoding is {given:?} and must be gzip, or not be there");
            Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "messages come as they are or gzipped", detail))
        }
    }
}

/// `<client>/<number of the first line>`: a client of this grant, if there is one, as over TCP.
fn key(headers: &HeaderMap, grant: Option<&Grant>) -> Result<Option<Key>, Refused> {
    let mut given = headers.get_all(KEY).iter();
    let Some(text) = given.next() else { return Ok(None) };
    let parsed = || {
        let (client, number) = std::str::from_utf8(text.as_bytes()).ok()?.rsplit_once('/')?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let client = ClientId::new(client).and_then(|id| grant.map_or(Ok(id.clone()), |grant| grant.client(&id)));
        Some((client.ok()?, digits.then(|| number.parse().ok()).flatten()?))
    };
    match parsed() {
        Some(key) if given.next().is_none() => Ok(Some(key)),
        _ => {
            let detail = format!(
                "Idempotency-Key is {text:?} and must be <client>/<number of the first line>, once: a client id of 1 to \
                 128 bytes, and a number from 1"
            );
            Err(Problem::bad_request(detail).into())
        }
    }
}

impl Refused {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), members: Map::new(), retry: false }
    }

    /// This process takes no messages.
    fn nobody() -> Self {
        let detail = "messages are taken by `hourglass up`, and by `hourglass monitor` with --http: post them there";
        Self::new(StatusCode::NOT_FOUND, "no messages are taken here", detail)
    }

    /// Its lines were not taken in, or not all of them.
    fn by_ingest(not_taken: NotTaken, keyed: bool) -> Self {
        let NotTaken { why, mut detail, handed_over, monitor } = not_taken;
        let twice = !keyed && handed_over != Some(0);
        let (status, title) = match why {
            Why::Later if twice => {
                detail.push_str("; the first handed_over lines count once they are durable, and again if sent again");
                let title = "lines were handed over and will count once durable: do not send them again without a key";
                (StatusCode::SERVICE_UNAVAILABLE, title)
            }
            Why::Later => (StatusCode::SERVICE_UNAVAILABLE, "not all of it was taken in: send it again"),
            Why::Sealed => (StatusCode::SERVICE_UNAVAILABLE, "this monitor was sealed"),
            Why::TooManyClients => (StatusCode::INSUFFICIENT_STORAGE, "no more clients can be remembered"),
            Why::Denied => (StatusCode::FORBIDDEN, "that is not for whoever sends"),
            Why::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "the lines could not be taken in"),
            Why::Conflict { .. } => (StatusCode::CONFLICT, "the client's lines go on elsewhere"),
        };
        let mut refused = Self { retry: why == Why::Later && !twice, ..Self::new(status, title, detail) };
        refused.members.insert("monitor".to_owned(), monitor.into());
        if let Some(handed_over) = handed_over {
            refused.members.insert("handed_over".to_owned(), handed_over.into());
        }
        if let Why::Conflict { resume } = why {
            refused.members.insert("resume".to_owned(), resume.into());
        }
        if why == Why::Sealed {
            refused.members.insert("sealed".to_owned(), true.into());
        }
        refused
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let (status, title, detail) = problem.into_parts();
        Self::new(status, title, detail)
    }
}

impl From<Unusable> for Refused {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::TooLarge(detail) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than allowed", detail)
            }
            Unusable::NoMemory => {
                let detail = "other requests' bodies take up what memory there is for them: send it again in a moment";
                let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "too much at the same time", detail);
                Self { retry: true, ..refused }
            }
            Unusable::TooSlow => {
                let detail = "the body did not arrive within a minute: send less at once";
                Self::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive", detail)
            }
            Unusable::Broken(detail) => Problem::bad_request(detail).into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, title, detail, members, retry } = self;
        let mut response = problem::respond(status, title, &detail, members);
        if retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(SOON));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(why: Why, handed_over: Option<u64>, keyed: bool) -> Refused {
        let (detail, monitor) = ("why".to_owned(), "m/8f0c2e7d5a91b364".to_owned());
        Refused::by_ingest(NotTaken { why, detail, handed_over, monitor }, keyed)
    }

    #[test]
    fn only_what_cannot_count_twice_is_asked_for_again() {
        for (handed_over, keyed, again) in [(0, false, true), (0, true, true), (3, true, true), (3, false, false)] {
            let refused = refused(Why::Later, Some(handed_over), keyed);
            assert_eq!((refused.status.as_u16(), refused.retry), (503, again), "{refused:?}");
            assert_eq!(refused.title.contains("do not send"), !again, "{refused:?}");
            assert_eq!(refused.members["handed_over"], handed_over);
        }
        let broken = refused(Why::Broken, None, false);
        assert_eq!((broken.status.as_u16(), broken.retry), (500, false));
        assert!(!broken.members.contains_key("handed_over"), "it is not known");
    }

    #[test]
    fn a_conflict_says_where_to_go_on_and_who_says_so() {
        let conflict = refused(Why::Conflict { resume: 7 }, Some(0), true);
        assert_eq!((conflict.status.as_u16(), &conflict.members["resume"]), (409, &7.into()));
        assert_eq!(conflict.members["monitor"], "m/8f0c2e7d5a91b364");
    }
}
