//! When a scheduler last did its job, and how long it has been late.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use scheduler::Instruments;
use storage::Clock;

use super::{gauge, seconds};

/// Tells it at each scrape.
#[derive(Debug)]
pub(crate) struct Overdue {
    measured: Instruments,
    clock: Arc<dyn Clock>,
}

impl Overdue {
    pub(crate) fn new(measured: Instruments, clock: &Arc<dyn Clock>) -> Self {
        Self { measured, clock: Arc::clone(clock) }
    }
}

impl Collector for Overdue {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.clock.now();
        let since = self.measured.overdue_since(now).unwrap_or(now);
        let help = "How long a rebuild has been due and is not done; 0 where none is.";
        gauge(&mut encoder, "hourglass_scheduler_overdue_seconds", help, seconds(now) - seconds(since))?;
        let Some(success) = self.measured.last_success() else { return Ok(()) };
        let help = "When a rebuild last ended well; not there before the first.";
        gauge(&mut encoder, "hourglass_scheduler_last_success_timestamp_seconds", help, seconds(success))
    }
}
