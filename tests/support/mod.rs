//! What the end-to-end tests share: the binary just built, run in a clean environment; processes that end with
//! the test; conditions with deadlines; and a client of the acknowledgement protocol that is written from its
//! description, not from the product's own code.
#![allow(dead_code, unused_imports, unreachable_pub, clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod acking;
pub mod browser;
pub mod bucket;
pub mod hdfs;
mod machine;
mod process;
pub mod proxy;
mod scheduler;
mod senders;
mod skip;

pub use acking::{AckingClient, message};
pub use machine::Machine;
pub use process::{Ended, Hourglass, hourglass, run};
pub use scheduler::Scheduler;
pub use senders::{Senders, assert_acked_there, assert_all_there};
pub use skip::skip;

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: generous, so that only a hang is a failure.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within [`DEADLINE`]; says what was waited for.
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(DEADLINE, what, condition);
}

/// [`until`], for what may take longer.
pub fn until_within(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < deadline, "waited {deadline:?} for: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// How many rounds to run: few in the suite, `HOURGLASS_SOAK` in the soak.
pub fn rounds(suite: u64) -> u64 {
    let soak = std::env::var("HOURGLASS_SOAK").ok();
    soak.and_then(|rounds| rounds.parse().ok()).unwrap_or(suite)
}

/// Microseconds since 1970, now.
pub fn now_micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_micros()).unwrap()
}
