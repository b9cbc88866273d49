//! The nouns of hourglass: messages, metrics, minute aggregates, protocol frames; parsing and encoding.
//!
//! No I/O, no clock, no threads: bytes and numbers come in, types that cannot be wrong go out. Everything above this
//! crate agrees through it, so each rule about what a message means is written here once:
//!
//! | to know | read |
//! |---|---|
//! | what a message is, and how a chunk of bytes becomes messages and rejects | [`Parser`], [`Next`], [`Reject`] |
//! | times, dates, minutes | [`Micros`], [`Minute`], [`Date`], [`Month`] |
//! | exact values | [`Millionths`], [`mean`], [`Fixed`], [`nearest_f64`] |
//! | which metrics a store holds | [`Metrics`], [`Metric`], [`Read`] |
//! | what a view holds | [`MetricAggregate`], [`MinuteAggregate`], [`ViewRow`] |
//! | the realtime queue's CSV | [`queue_row`] |
//! | the ack protocol's lines | [`Hello`], [`Welcome`], [`ServerFrame`] |
//! | names and positions | [`ServiceName`], [`MonitorId`], [`ClientId`], [`Incarnation`], [`Generation`], [`Position`], [`Source`] |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod aggregate;
mod calendar;
mod digits;
mod error;
mod ids;
mod metric;
mod number;
mod parser;
mod position;
pub mod protocol;
pub mod queue_row;
mod reject;
mod rfc3339;
mod scan;
mod swar;
mod time;
mod value;

pub use aggregate::{MetricAggregate, MinuteAggregate, ViewRow};
pub use error::Error;
pub use ids::{ClientId, Incarnation, MonitorId, ServiceName};
pub use metric::{MAX_METRICS, Metric, MetricName, Metrics, Read};
pub use parser::{MAX_LINE, Message, Next, Parser};
pub use position::{Generation, ImportHash, Position, Source};
pub use protocol::{Hello, PROTOCOL_VERSION, Secret, ServerFrame, Welcome, is_hello};
pub use reject::{Reject, Rejects};
pub use time::{Date, Micros, Minute, Month};
pub use value::{Fixed, Millionths, mean, nearest_f64, write_fixed, write_whole};
