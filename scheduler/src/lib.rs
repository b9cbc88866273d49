//! When things happen: the cron tick, and what is done at it.
//!
//! | to know | read |
//! |---|---|
//! | when a tick is | [`Schedule`] |
//! | how it is waited for, and what of those missed | [`Ticks`], [`run_ticks`] |
//! | which cuts a rebuild waits for | [`Expected`] |
//! | what is done at a tick: wait, build, publish, retire | [`Scheduler`], [`Work`], [`Batch`] |
//! | what it counts and times, and when it is overdue | [`Instruments`] |
//!
//! Owns when; `views` owns what, and `cli` hands over what rotates. Two schedulers on one store are harmless: of two
//! builds one is published. Nothing here prints: a [`Scheduler`] tells [`Event`]s.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod batch;
mod error;
mod expected;
mod instruments;
mod rebuild;
mod schedule;
mod ticks;

pub use batch::{Batch, last_built};
pub use error::SchedulerError;
pub use expected::Expected;
pub use instruments::Instruments;
pub use rebuild::{Event, OnEvent, Outcome, Scheduler, Work};
pub use schedule::Schedule;
pub use ticks::{Ticks, run_ticks};
