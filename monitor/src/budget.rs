//! `listen.bytes`: what all connections together may hold between two reads.
//!
//! A connection holds its partial line and the rejects its client has not yet
//! taken. Before it reads it asks for a grant, as many bytes as its holding
//! could grow by; afterwards it settles on what it really holds. Grants count,
//! so the limit holds strictly, at every moment.
//!
//! Who waits: a connection may grow while it holds less than what is free (the
//! dynamic threshold of Choudhury and Hahne, "Dynamic queue length thresholds
//! for shared-memory packet switches", 1998). As memory gets short the largest
//! holder meets that line first, and n hoarders stop at 1/(n+1) of the limit
//! each, with as much again free for everyone else.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// The bytes that connections share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    taken: Mutex<usize>,
    /// The turn of a connection whose peer has closed: see [`Holding::last_turn`].
    turn: Arc<Semaphore>,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Shared { limit, taken: Mutex::new(0), turn: Arc::new(Semaphore::new(1)) }))
    }

    /// A new connection's share, empty.
    pub(crate) fn holding(&self) -> Holding {
        Holding { budget: self.clone(), held: 0, granted: 0 }
    }

    /// Bytes held or granted now.
    pub(crate) fn taken(&self) -> usize {
        *self.0.taken.lock()
    }
}

/// What one connection holds of the [`Budget`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Holding {
    budget: Budget,
    held: usize,
    granted: usize,
}

impl Holding {
    /// How many bytes, at most `want`, may be read now if each read byte can
    /// add `weight` bytes to the holding; 0: wait. At most half of what is free
    /// is granted, so that a read elsewhere finds something too. Settle before
    /// asking again.
    pub(crate) fn grant(&mut self, want: usize, weight: usize) -> usize {
        debug_assert_eq!(self.granted, 0, "a grant is settled before the next");
        let mut taken = self.budget.0.taken.lock();
        let free = self.budget.0.limit.saturating_sub(*taken);
        let bytes = want.min(free.saturating_sub(self.held).div_ceil(2) / weight);
        self.granted = bytes * weight;
        *taken += self.granted;
        bytes
    }

    /// Ends a grant: from now on the connection holds `held` bytes.
    pub(crate) fn settle(&mut self, held: usize) {
        let mut taken = self.budget.0.taken.lock();
        *taken = *taken - self.held - self.granted + held;
        self.held = held;
        self.granted = 0;
    }

    /// Waits for the one turn in which a connection may read without a grant.
    ///
    /// For a connection whose peer has closed: it would wait for bytes to come
    /// free that only such connections hold. It reads to its end within its
    /// turn, so at most one line above the limit is held, and then nothing.
    pub(crate) async fn last_turn(&self) -> tokio::sync::OwnedSemaphorePermit {
        let turn = self.budget.0.turn.clone();
        match turn.acquire_owned().await {
            Ok(permit) => permit,
            Err(_closed) => std::future::pending().await,
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        *self.budget.0.taken.lock() -= self.held + self.granted;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whoever_holds_most_waits_first() {
        let budget = Budget::new(1000);
        let (mut large, mut small) = (budget.holding(), budget.holding());
        assert_eq!(large.grant(500, 1), 500);
        large.settle(500);
        assert_eq!(large.grant(100, 1), 0, "it holds as much as is free");
        assert_eq!(small.grant(100, 1), 100, "the small one goes on");
        small.settle(0);
        drop(large);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn hoarders_leave_about_as_much_free_as_each_of_them_holds() {
        let budget = Budget::new(32 << 20);
        let mut hoarders: Vec<_> = (0..1000).map(|_| budget.holding()).collect();
        for _ in 0..100 {
            for hoarder in &mut hoarders {
                let granted = hoarder.grant(4096, 1);
                hoarder.settle((hoarder.held + granted).min(1 << 16));
            }
        }
        let most = hoarders.iter().map(|hoarder| hoarder.held).max().unwrap();
        let mut newcomer = budget.holding();
        assert!(newcomer.grant(most, 1) >= most / 3);
    }

    proptest! {
        #[test]
        fn the_limit_holds_at_every_moment(
            limit in 0_usize..10_000,
            steps in prop::collection::vec((0_usize..8, 0_usize..5000, 1_usize..20, 0.0_f64..1.0), 0..200),
        ) {
            let budget = Budget::new(limit);
            let mut holdings: Vec<_> = (0..8).map(|_| budget.holding()).collect();
            for (which, want, weight, keep) in steps {
                let holding = &mut holdings[which];
                if holding.granted > 0 {
                    let most = holding.held + holding.granted;
                    holding.settle((most as f64 * keep) as usize);
                } else {
                    holding.grant(want, weight);
                }
                prop_assert!(budget.taken() <= limit);
                let sum: usize = holdings.iter().map(|h| h.held + h.granted).sum();
                prop_assert_eq!(budget.taken(), sum);
            }
        }
    }
}
