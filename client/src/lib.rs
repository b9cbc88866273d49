//! What sends messages to a monitor, and what turns existing files into lines.
//!
//! | to know | read |
//! |---|---|
//! | made-up messages, seeded and fast | [`Generator`], [`Profile`], [`Variety`] |
//! | load over TCP, at a rate | [`load()`], [`LoadOptions`] |
//! | this machine's real cpu, ram and disk | [`sample()`], [`Sampler`] |
//! | existing files: any format, as chunks of whole lines | [`Input`] |
//! | existing files sent again, in their own time or at once | [`replay()`] |
//! | TLS, and our certificate | [`Tls`], [`TlsFiles`] |
//! | exactly once over TCP: the client half of the ack protocol | [`Session`] |
//!
//! Depends on `schema` alone. Nothing here prints: commands raise [`Progress`] and tell [`SessionEvent`]s.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod clock;
mod error;
mod generator;
mod input;
mod latency;
mod load;
mod pace;
mod progress;
mod replay;
mod sample;
mod session;
mod sink;
mod tls;

pub use clock::Now;
pub use error::{ClientError, Unacknowledged};
pub use generator::{Generator, Profile, Variety, service_names};
pub use input::{Format, Input, digest};
pub use latency::Latency;
pub use load::{LoadOptions, LoadReport, load};
pub use progress::Progress;
pub use replay::{ReplayOptions, ReplayReport, replay};
pub use sample::{SampleOptions, Sampler, sample};
pub use session::{Credentials, Session, SessionEvent, SessionOptions, SessionReport};
pub use sink::{OnEvent, log_events};
pub use tls::{Tls, TlsFault, TlsFiles};
