//! `GET /status`: what is durable, cut, uploaded, built and waiting, and what was rejected; and `GET /api/v1/status`, the
//! same for programs, as `hourglass status --format json` has it.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use schema::Micros;
use views::{Coverage, Every, Manifest, Query, View, query};

use super::address::Address;
use super::frame::{Failure, Frame, page};
use super::freshness::Freshness;
use super::reading::{Clocks, grouped};
use crate::operations::{Everything, OwnMonitor};
use crate::server::Asked;

#[derive(Template)]
#[template(path = "status.html")]
struct Status {
    frame: Frame,
    known: Everything,
    batch: Option<Batch>,
    sources: Vec<Source>,
    pending: Vec<String>,
    unseen: Vec<String>,
    own: Option<OwnMonitor>,
    /// How times and counts read.
    clocks: Clocks,
}

/// The newest rebuild.
struct Batch {
    number: u64,
    tick: String,
    built: String,
    /// From its tick to its manifest.
    took: String,
    messages: String,
    rows: String,
    files: String,
    periods: String,
}

/// A monitor or an import that answers cover.
struct Source {
    name: String,
    generation: String,
    position: String,
    messages: String,
    latest: String,
    age: String,
}

/// Shows it.
pub(super) async fn status(State(asked): State<Asked>, RawQuery(text): RawQuery) -> Result<Response, Failure> {
    let address = Address::parse(text.as_deref().unwrap_or_default());
    let clocks = Clocks { zone: address.zone, now: asked.world.clock.now() };
    let inside = asked.clone();
    let read = asked.compute(move |reader| async move {
        let nothing = Query {
            from: Micros::MIN,
            to: Micros::MIN,
            services: Default::default(),
            every: Every::Minute,
            view: View::Merged,
        };
        let coverage = query(&reader, &nothing).await?.coverage;
        let manifest = Manifest::newest(&*inside.world.store).await?;
        let (here, known) = (inside.world.operations.here(), inside.world.operations.everything().await);
        let fresh = Freshness::of(&coverage, manifest.as_deref(), &here, clocks.now);
        Ok((coverage, manifest, fresh, known))
    });
    let (coverage, manifest, fresh, known) = read.await?;
    let template = Status {
        frame: Frame::new("Status", "status", &clocks, Some(&fresh)),
        batch: manifest.map(|manifest| batch(&manifest, &clocks)),
        sources: sources(&coverage, &clocks),
        pending: coverage
            .pending
            .iter()
            .map(|pending| waiting(&pending.import.to_string(), pending.withdrawn))
            .collect(),
        unseen: coverage.unseen.iter().map(ToString::to_string).collect(),
        own: known.own.clone(),
        clocks,
        known,
    };
    Ok(page(StatusCode::OK, &template))
}

impl Status {
    fn count(&self, count: &u64) -> String {
        grouped(*count)
    }
}

fn batch(manifest: &Manifest, clocks: &Clocks) -> Batch {
    let seconds = (manifest.built_at.get() - manifest.latest_tick.get()) / 1_000_000;
    Batch {
        number: manifest.number,
        tick: clocks.second(manifest.latest_tick),
        built: clocks.second(manifest.built_at),
        took: format!("{} s", grouped(u64::try_from(seconds).unwrap_or(0))),
        messages: grouped(manifest.messages()),
        rows: grouped(manifest.rows()),
        files: grouped(manifest.pages.iter().map(|page| page.partitions).sum()),
        periods: grouped(manifest.pages.len() as u64),
    }
}

fn sources(coverage: &Coverage, clocks: &Clocks) -> Vec<Source> {
    let source = |name: String, generation: u64, position: String, messages: u64, latest: Option<Micros>| Source {
        name,
        generation: generation.to_string(),
        position,
        messages: grouped(messages),
        latest: latest.map_or("none".to_owned(), |time| clocks.second(time)),
        age: latest.map_or(String::new(), |time| clocks.age(time)),
    };
    let monitors = coverage.monitors.iter().map(|monitor| {
        let name = monitor.monitor.to_string();
        source(name, monitor.generation.get(), monitor.to.to_string(), monitor.messages, monitor.latest)
    });
    let imports = coverage.imports.iter().map(|import| {
        let name = format!("import {}", short(&import.import.to_string()));
        source(name, import.generation.get(), "whole".to_owned(), import.messages, import.latest)
    });
    monitors.chain(imports).collect()
}

fn waiting(import: &str, withdrawn: bool) -> String {
    format!("import {} {} with the next rebuild", short(import), if withdrawn { "leaves" } else { "joins" })
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
