//! Authority: who may ask what. One layer around every route; what it does not name needs the scope `read`.
//!
//! | asked | needs |
//! |---|---|
//! | `/healthz`, `/readyz`, `/login`, `/logout`, `/assets/…` | nothing |
//! | `POST /api/v1/messages` | a token or certificate with the scope `ingest` |
//! | all else, `/metrics` included | one with the scope `read` |
//!
//! Who shows a certificate that an entry names needs no token. A token comes as `Authorization: Bearer …`, or, from a browser that has logged in, in a cookie; a cookie counts for
//! reading alone. A grant that is limited to some services may ask only what is known to answer for those alone
//! ([`LIMITED`]); all else is refused to it.
//!
//! Enters: each request. Leaves: the request with its [`Caller`], or a problem (401, 403), or a browser on its way to
//! `/login`.
//!
//! What must hold: without [`Access`] all may ask all; with it, nothing is answered that its grant does not allow, and
//! an answer that goes on (an event stream) ends with its grant.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use access::{Access, Denied, Grant, Scope};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use schema::{Secret, ServiceName};
use storage::Clock;
use tokio::time::Instant;

use crate::api::messages::pass_over;
use crate::connections::Peer;
use crate::login;
use crate::openapi;
use crate::problem::Problem;
use crate::rate::{Rate, Who};

/// What answers for the services of a [`Caller`] alone, or for none.
const LIMITED: [&str; 4] = ["/api/v1/query", "/api/v1/services", "/api/v1/messages", openapi::ADDRESS];
/// What is answered to anybody.
const OPEN: [&str; 4] = ["/healthz", "/readyz", login::LOGIN, login::LOGOUT];

/// Who may ask, and what time it is.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    access: Access,
    clock: Arc<dyn Clock>,
    rate: Rate,
}

/// Who asks; every request carries it as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Option<Grant>);

impl Caller {
    /// What is granted, where not everything is to everybody.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.0.as_ref()
    }

    /// What the token or certificate is called, where one was needed.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.as_ref().map(Grant::name)
    }

    /// Whether this one may.
    pub(crate) fn reaches(&self, service: &ServiceName) -> bool {
        self.0.as_ref().is_none_or(|grant| grant.reaches(service))
    }
}

impl Authority {
    /// What this access says.
    pub(crate) fn new(access: Access, clock: Arc<dyn Clock>, rate: Rate) -> Self {
        Self { access, clock, rate }
    }

    /// Lets a request through, or does not.
    pub(crate) async fn judge(self, mut request: Request, next: Next) -> Response {
        let asked = Class::of(request.method(), request.uri().path());
        let grant = match self.admitted(asked, &request) {
            Ok(grant) => grant,
            Err(refusal) => {
                // Who sends much gets to reading why.
                if asked == Class::Ingest {
                    pass_over(request.into_body()).await;
                }
                return *refusal;
            }
        };
        request.extensions_mut().insert(Caller(grant.clone()));
        let response = next.run(request).await;
        match grant {
            // What is whole already is sent as it is.
            Some(grant) if response.body().size_hint().exact().is_none() => {
                response.map(|body| Body::new(While { grant, clock: self.clock, body }))
            }
            _ => response,
        }
    }

    fn admitted(&self, asked: Class, request: &Request) -> Result<Option<Grant>, Box<Response>> {
        let grant = self.grant(asked, request);
        if let Some(who) = who(grant.as_ref().ok().and_then(Option::as_ref), request)
            && let Err(wait) = self.rate.take(who, Instant::now())
        {
            return Err(Box::new(Problem::too_often(wait)));
        }
        let grant = grant.map_err(|denied| Box::new(refused(denied, request)))?;
        let path = request.uri().path();
        let limited = grant.as_ref().is_some_and(|grant| !grant.all_services());
        if limited && asked == Class::Read && !LIMITED.contains(&path) {
            let detail = format!("{path} answers for all services, and this token reaches some: ask /api/v1/query");
            return Err(Box::new(Problem::forbidden(detail).into_response()));
        }
        Ok(grant)
    }

    fn grant(&self, asked: Class, request: &Request) -> Result<Option<Grant>, Denied> {
        let scope = match asked {
            _ if self.access.is_open() => return Ok(None),
            Class::Open => return Ok(None),
            Class::Read => Scope::Read,
            Class::Ingest => Scope::Ingest,
        };
        let now = self.clock.now();
        let shown = bearer(request.headers())?;
        let shown = shown.or_else(|| (asked == Class::Read).then(|| login::token(request.headers())).flatten());
        let certified = || request.extensions().get::<Peer>().and_then(|peer| peer.grant.clone());
        let grant = match shown {
            Some(token) => self.access.token(&token, now)?,
            None => certified().ok_or(Denied::Nothing)?,
        };
        if !grant.counts(now) {
            return Err(Denied::Unknown);
        }
        if grant.has(scope) { Ok(Some(grant)) } else { Err(Denied::Scope(scope)) }
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Open,
    Read,
    Ingest,
}

impl Class {
    fn of(method: &Method, path: &str) -> Self {
        match path {
            _ if OPEN.contains(&path) || path.starts_with("/assets/") => Self::Open,
            "/api/v1/messages" if method == Method::POST => Self::Ingest,
            _ => Self::Read,
        }
    }
}

/// Whose requests these are; those of this machine's own programs, where nobody is asked who they are, are nobody's.
fn who(grant: Option<&Grant>, request: &Request) -> Option<Who> {
    let address = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    match grant {
        Some(grant) => Some(Who::Named(grant.name().to_owned())),
        None => address.filter(|address| !address.is_loopback()).map(Who::At),
    }
}

/// The token in the header for it.
fn bearer(headers: &HeaderMap) -> Result<Option<Secret>, Denied> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let (kind, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Denied::Unknown)?;
    if kind.eq_ignore_ascii_case("bearer") { Ok(Some(Secret::new(token.trim()))) } else { Err(Denied::Unknown) }
}

/// A problem; a person who has shown nothing that counts is asked for a token instead.
fn refused(denied: Denied, request: &Request) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let person = request.method() == Method::GET && accepts.is_some_and(|accepted| accepted.contains("text/html"));
    match denied {
        Denied::Scope(_) => Problem::forbidden(denied.to_string()).into_response(),
        Denied::Nothing | Denied::Unknown if person => Redirect::to(&login::address(request.uri())).into_response(),
        Denied::Nothing | Denied::Unknown => Problem::unauthorized(denied.to_string()).into_response(),
    }
}

/// A body that is sent while its grant counts.
struct While {
    grant: Grant,
    clock: Arc<dyn Clock>,
    body: Body,
}

impl HttpBody for While {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        if !self.grant.counts(self.clock.now()) {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_needs_the_scope_to_read() {
        let class = |method: Method, path| Class::of(&method, path);
        assert_eq!(class(Method::GET, "/healthz"), Class::Open);
        assert_eq!(class(Method::GET, "/assets/page.css"), Class::Open);
        assert_eq!(class(Method::POST, "/api/v1/messages"), Class::Ingest);
        for path in [
            "/",
            "/metrics",
            "/api/v1/query",
            "/api/v1/messages",
            "/api/v1/openapi.json",
            "/healthz/",
            "/nothing",
            "/assets",
        ] {
            assert_eq!(class(Method::GET, path), Class::Read, "{path}");
        }
        assert_eq!(class(Method::POST, "/prometheus/api/v1/query"), Class::Read);
        assert_eq!(class(Method::DELETE, "/api/v1/messages"), Class::Read);
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        let header = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, header::HeaderValue::from_static(text));
            bearer(&headers)
        };
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
        assert_eq!(header("bearer hg_1"), Ok(Some(Secret::new("hg_1"))));
        assert_eq!(header("Basic aGc6MQ=="), Err(Denied::Unknown));
        assert_eq!(header("hg_1"), Err(Denied::Unknown));
    }
}
