//! The rate of requests: a bucket of tokens for each caller, refilled with time (a token bucket).
//!
//! A caller is a grant, by its name; without one an address. This machine's own programs, where nobody is asked who they
//! are, are not counted.
//!
//! What must hold: a caller's requests, over any time, are at most the rate times that, and one second's worth more; a
//! caller that keeps to it is never refused; memory is bounded: a bucket that is full again is forgotten, and beyond
//! [`CALLERS`] newcomers share one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Callers told apart at once.
const CALLERS: usize = 10_000;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// By the name of its grant.
    Named(String),
    /// By its address.
    At(IpAddr),
    /// One of too many.
    Other,
}

/// How often each may ask. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    /// A second.
    most: f64,
    buckets: Arc<Mutex<HashMap<Who, Bucket>>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rate {
    /// So many a second.
    pub(crate) fn new(most: u64) -> Self {
        Self { most: most as f64, buckets: Arc::default() }
    }

    /// Takes one request of `who` at `now`.
    ///
    /// # Errors
    /// It is one too many; how long to wait.
    pub(crate) fn take(&self, who: Who, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= CALLERS && !buckets.contains_key(&who) {
            buckets.retain(|_, bucket| bucket.refilled(self.most, now) < self.most);
        }
        let who = if buckets.len() >= CALLERS && !buckets.contains_key(&who) { Who::Other } else { who };
        let bucket = buckets.entry(who).or_insert(Bucket { left: self.most, at: now });
        let left = bucket.refilled(self.most, now);
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) / self.most));
        }
        *bucket = Bucket { left: left - 1.0, at: now };
        Ok(())
    }
}

impl Bucket {
    fn refilled(&self, most: f64, now: Instant) -> f64 {
        (self.left + now.saturating_duration_since(self.at).as_secs_f64() * most).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> Who {
        Who::At([10, 0, 0, last].into())
    }

    #[test]
    fn a_caller_has_its_rate_and_no_more() {
        let (rate, start) = (Rate::new(10), Instant::now());
        let taken = |who: Who, millis| rate.take(who, start + Duration::from_millis(millis)).is_ok();
        assert_eq!((0..20).filter(|_| taken(at(1), 0)).count(), 10);
        assert_eq!(rate.take(at(1), start).unwrap_err(), Duration::from_millis(100));
        assert!(taken(at(2), 0), "another caller is not held up");
        assert!(!taken(at(1), 50) && taken(at(1), 100) && !taken(at(1), 100));
        assert_eq!((0..200).filter(|n| taken(at(3), n * 100)).count(), 200, "who keeps to it is never refused");
    }

    #[test]
    fn callers_without_number_take_no_memory_without_end() {
        let (rate, start) = (Rate::new(1), Instant::now());
        for n in 0..2 * CALLERS {
            let _ = rate.take(Who::Named(n.to_string()), start);
        }
        assert!(rate.buckets.lock().len() <= CALLERS + 1);
        let later = start + Duration::from_secs(2);
        assert!(rate.take(at(1), later).is_ok() && rate.buckets.lock().len() == 1);
    }
}
