//! Compression: text is sent as gzip to who takes it.
//!
//! Enters: an answer that is whole. Leaves: the same, smaller. What must hold: a stream (server-sent events) is passed
//! on as it comes, what is compressed already stays as it is, and an answer's tag differs where its bytes do, so that a
//! client that has the one is never told that it has the other.

use std::io::Write;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What is shorter is sent as it is: less than a packet.
const SHORT: u64 = 1_000;
/// Bytes compressed on the spot; more than that is done on a thread that may take its time.
const LONG: usize = 64 << 10;
/// What the tag of a compressed answer has before its last quote.
const MARK: &str = "-gzip";

/// Whether gzip is among what the client accepts.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        gzip && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// Compresses what comes back, if the client takes it.
pub(crate) async fn compressed(mut request: Request, next: Next) -> Response {
    let wanted = accepts_gzip(request.headers());
    if wanted && let Some(known) = request.headers_mut().get_mut(header::IF_NONE_MATCH) {
        let plain = known.to_str().ok().and_then(|tag| HeaderValue::try_from(tag.replace(MARK, "")).ok());
        *known = plain.unwrap_or_else(|| known.clone());
    }
    let response = next.run(request).await;
    if !wanted || !is_text(response.headers()) || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    mark(&mut head.headers);
    // Known only of what is whole.
    if body.size_hint().exact().is_none_or(|length| length < SHORT) {
        return Response::from_parts(head, body);
    }
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(head, Body::empty());
    };
    let bytes = if bytes.len() < LONG {
        gzip(&bytes)
    } else {
        tokio::task::spawn_blocking(move || gzip(&bytes)).await.unwrap_or_default()
    };
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(bytes))
}

fn is_text(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default();
    media.starts_with("text/") && media != "text/event-stream"
        || matches!(media, "application/json" | "application/x-ndjson" | "application/problem+json")
}

/// Says that the answer depends on what is accepted, and has a tag of its own.
fn mark(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).and_then(|tag| tag.strip_suffix('"'));
    if let Some(marked) = tag.and_then(|tag| HeaderValue::try_from(format!("{tag}{MARK}\"")).ok()) {
        headers.insert(header::ETAG, marked);
    }
}

fn gzip(bytes: &[u8]) -> Bytes {
    // The fastest that is worth it: an answer is made for one client.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(3));
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_accepted() {
        for (text, accepted) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            assert_eq!(accepts_gzip(&headers), accepted, "{text}");
        }
    }
}
