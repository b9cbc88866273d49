//! Logging in: a page that takes a token and keeps it in a cookie of the browser, where no script reads it and from
//! which no other site's link or form is answered (`HttpOnly`, `SameSite=Strict`; `Secure` with TLS). There are no
//! sessions: the cookie is the token, checked with each request, and ends with it.
//!
//! What must hold: a page is only ever sent on to an address of this server's own; the token is in no address.

use axum::Router;
use axum::extract::{RawForm, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use schema::Secret;

use crate::server::Asked;

/// Where to log in.
pub(crate) const LOGIN: &str = "/login";
/// Where to log out.
pub(crate) const LOGOUT: &str = "/logout";
/// The cookie.
const COOKIE: &str = "hourglass_token";
/// How long a browser keeps it.
const KEPT_SECONDS: u32 = 30 * 24 * 3600;

/// The page, and what it sends.
pub(crate) fn routes() -> Router<Asked> {
    Router::new().route(LOGIN, get(page).post(enter)).route(LOGOUT, post(leave))
}

/// Where to log in to see this.
pub(crate) fn address(wanted: &Uri) -> String {
    let wanted = wanted.path_and_query().map_or("/", |wanted| wanted.as_str());
    format!("{LOGIN}?{}", form_urlencoded::Serializer::new(String::new()).append_pair("to", wanted).finish())
}

/// The token that a browser shows.
pub(crate) fn token(headers: &HeaderMap) -> Option<Secret> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| *name == COOKIE).map(|(_, token)| Secret::new(token))
}

async fn page(RawQuery(query): RawQuery) -> Response {
    shown(StatusCode::OK, "", &field(query.unwrap_or_default().as_bytes(), "to"))
}

async fn enter(State(asked): State<Asked>, RawForm(form): RawForm) -> Response {
    let (token, to) = (Secret::new(field(&form, "token").trim()), field(&form, "to"));
    let world = &asked.world;
    let known = world.access.token(&token, world.clock.now());
    if !known.is_ok_and(|grant| grant.has(access::Scope::Read)) {
        let why = "This token is not known, not valid any more, or not for reading.";
        return shown(StatusCode::UNAUTHORIZED, why, &to);
    }
    kept(Redirect::to(own(&to)).into_response(), token.expose(), KEPT_SECONDS, world.tls.is_some())
}

async fn leave(State(asked): State<Asked>) -> Response {
    kept(Redirect::to(LOGIN).into_response(), "", 0, asked.world.tls.is_some())
}

/// The answer, with the cookie.
fn kept(mut response: Response, token: &str, seconds: u32, tls: bool) -> Response {
    let secure = if tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    // A token that is known is letters and digits.
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An address of this server's own, whatever was asked for.
fn own(to: &str) -> &str {
    let own =
        to.starts_with('/') && !to.starts_with("//") && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own { to } else { "/" }
}

fn field(form: &[u8], name: &str) -> String {
    form_urlencoded::parse(form)
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn shown(status: StatusCode, why: &str, to: &str) -> Response {
    let to = own(to).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>hourglass: log in</title></head>\n\
         <body><main><h1>hourglass</h1>\n<p role=\"alert\">{why}</p>\n<form method=\"post\" action=\"{LOGIN}\">\
         <input type=\"hidden\" name=\"to\" value=\"{to}\">\n<p><label>Token <input type=\"password\" name=\"token\" \
         autocomplete=\"current-password\" size=\"68\" required autofocus></label> <button>Log in</button></p>\n\
         <p>A token for reading is made with <code>hourglass token new</code>.</p></form></main></body></html>\n"
    );
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, Html(page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_server() {
        for own_address in ["/", "/analytics?a=b&c=%20", "/a//b"] {
            assert_eq!(own(own_address), own_address);
        }
        for other in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/a\r\nb"] {
            assert_eq!(own(other), "/", "{other:?}");
        }
        assert_eq!(address(&"/analytics?a=b&c=d".parse().unwrap()), "/login?to=%2Fanalytics%3Fa%3Db%26c%3Dd");
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; hourglass_token=hg_1; c=d"));
        assert_eq!(token(&headers), Some(Secret::new("hg_1")));
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
