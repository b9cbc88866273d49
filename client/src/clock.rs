//! Where live senders get the time from: an argument, so that a test can be at any time.

use std::sync::Arc;

use schema::Micros;

/// Says what time it is.
pub type Now = Arc<dyn Fn() -> Micros + Send + Sync>;
