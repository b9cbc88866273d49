//! Answers over HTTP: an API for other systems, and pages for people.
//!
//! | to know | read |
//! |---|---|
//! | what is served where, and how it ends | [`Dashboard`] |
//! | who may ask what, and how a person logs in | `authority.rs`, `login.rs`, `rate.rs` |
//! | what one client can cost the others | `connections.rs`, `patience.rs` |
//! | how a request becomes a query, and how its answer is written | `api/query.rs`, `api/parameters.rs`, `api/formats.rs` |
//! | how Prometheus' query API is answered | `prometheus/mod.rs` |
//! | what people look at | `pages/mod.rs`, `templates/`, `assets/` |
//! | what a page tells of the machine that serves it | [`Operations`] |
//! | whether the process lives, and its roles can do their job | [`Readiness`] |
//! | what is measured, for Prometheus | [`Metrics`] |
//! | how messages come in, and what takes them | `api/messages.rs`, [`ingest`] |
//! | what is described for programs, and how | `openapi.rs` |
//! | what a client is told that asked wrongly, or in vain | `problem.rs` |
//!
//! Enters: requests, and a [`views::Reader`]: a store, and the log of the monitor on this machine if there is one.
//! Leaves: what the command line answers, byte for byte in each format, with the same coverage.
//!
//! What must hold: nothing here writes to the store or the data folder; no byte of a request becomes part of a path; a
//! request is bounded in what it may ask for before anything is read; answers are computed on threads of their own, so
//! that a process that also receives messages goes on receiving them.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod api;
mod authority;
mod compression;
mod connections;
mod health;
pub mod ingest;
mod login;
mod metrics;
mod openapi;
mod operations;
mod pages;
mod patience;
mod problem;
mod prometheus;
mod rate;
mod server;

pub use connections::Limits;
pub use health::Readiness;
pub use ingest::Ingest;
pub use metrics::Metrics;
pub use operations::{Everything, Here, Operations, OwnGeneration, OwnMonitor, PublishedCut, Quarantined, Unknown};
pub use server::{Dashboard, ServeError, World};
