//! `GET /messages`: the original lines of one service and minute, which a peak leads to.
//!
//! What must hold: lines are shown as they were logged, escaped, at most [`SHOWN`] of them; how many there are is said
//! by the exact count, not by what is shown.

use std::collections::BTreeSet;
use std::io;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use schema::{Micros, Next, Parser};
use views::{Answer, Every, Line, Query, Reader, View, ViewError, cat, query};

use super::address::Address;
use super::frame::{Failure, Frame, freshness_of, page};
use super::reading::{Clocks, exact_value, grouped};
use crate::problem::Problem;
use crate::server::Asked;

/// Lines shown.
const SHOWN: usize = 500;
const MINUTE: i64 = 60_000_000;

#[derive(Template)]
#[template(path = "messages.html")]
struct Messages {
    frame: Frame,
    service: String,
    minute: String,
    count: String,
    /// Whether there are more than are shown.
    cut: bool,
    shown: usize,
    metrics: Vec<Peak>,
    lines: Vec<Original>,
    before: String,
    after: String,
    back: String,
}

struct Peak {
    metric: String,
    peak: String,
    at: String,
}

/// A line, and where it stands.
struct Original {
    place: String,
    time: String,
    text: String,
    /// Whether it is of the moment asked for.
    meant: bool,
}

/// Shows them.
pub(super) async fn messages(State(asked): State<Asked>, RawQuery(text): RawQuery) -> Result<Response, Failure> {
    let address = Address::parse(text.as_deref().unwrap_or_default());
    let clocks = Clocks { zone: address.zone, now: asked.world.clock.now() };
    let [service] = &address.services[..] else {
        return Err(Problem::bad_request("name one service, as in /messages?service=NAME&at=TIME").into());
    };
    let at = address.at(clocks.now).map_err(Problem::bad_request)?;
    let from = at.minute().start();
    let services = BTreeSet::from([service.clone()]);
    let minute = Query { from, to: from.saturating_add(MINUTE), services, every: Every::Minute, view: View::Merged };
    let inside = asked.clone();
    let read = asked.compute(move |reader| async move {
        let answer = query(&reader, &minute).await?;
        let fresh = freshness_of(&inside, &answer.coverage).await?;
        let lines = lines(&reader, &minute, &answer, at, &clocks).await?;
        Ok((answer, fresh, lines))
    });
    let (answer, fresh, lines) = read.await?;
    let row = answer.rows.first();
    let count = row.map_or(0, |row| row.aggregate.msg_num);
    let peaks = row.into_iter().flat_map(|row| answer.metrics.iter().zip(&row.aggregate.metrics));
    let near = |micros| address.link("/messages", &[("at", &from.saturating_add(micros).to_string())]);
    let around = (from.saturating_add(-30 * MINUTE).to_string(), from.saturating_add(31 * MINUTE).to_string());
    let template = Messages {
        frame: Frame::new(format!("{service} at {}", clocks.minute(from)), "", &clocks, Some(&fresh)),
        service: service.to_string(),
        minute: clocks.minute(from),
        count: grouped(count),
        cut: count > lines.len() as u64,
        shown: lines.len(),
        metrics: peaks
            .map(|(metric, found)| Peak {
                metric: metric.name.to_string(),
                peak: exact_value(i128::from(found.max.get())),
                at: clocks.exact(found.max_time),
            })
            .collect(),
        lines,
        before: near(-MINUTE),
        after: near(MINUTE),
        back: address.link("/analytics", &[("from", &around.0), ("to", &around.1)]),
    };
    Ok(page(StatusCode::OK, &template))
}

/// The first lines of that minute.
async fn lines(
    reader: &Reader,
    minute: &Query,
    answer: &Answer,
    at: Micros,
    clocks: &Clocks,
) -> Result<Vec<Original>, Problem> {
    let (mut parser, mut lines) = (Parser::new(&answer.metrics), Vec::new());
    let mut take = |line: Line<'_>| -> io::Result<()> {
        if lines.len() == SHOWN {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let time = match parser.next(line.bytes) {
            Next::Message { message, .. } => Some(message.time),
            _ => None,
        };
        lines.push(Original {
            place: format!("{} {}", line.source, line.position),
            time: time.map_or(String::new(), |time| clocks.exact(time)),
            text: String::from_utf8_lossy(line.bytes).into_owned(),
            meant: time == Some(at),
        });
        Ok(())
    };
    match cat(reader, minute, &mut take).await {
        Ok(_) => {}
        Err(ViewError::Output(full)) if full.kind() == io::ErrorKind::QuotaExceeded => {}
        Err(error) => return Err(error.into()),
    }
    Ok(lines)
}
