//! The time as an argument of live senders: a test hands them any.
//!
//! Out: microseconds since 1970, UTC. It need not be monotonic.

use std::sync::Arc;

use schema::Micros;

/// Says what time it is.
pub type Now = Arc<dyn Fn() -> Micros + Send + Sync>;
