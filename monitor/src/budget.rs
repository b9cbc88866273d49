//! `listen.bytes`: what all connections together may hold between two reads.
//!
//! A connection holds its partial line and the rejects its client has not yet
//! taken. Before it reads it asks for a grant, as many bytes as its holding
//! could grow by; afterwards it settles on what it really holds. Grants count,
//! so the limit holds strictly, at every moment.
//!
//! Who waits: half of the limit is shared out evenly, so every connection may
//! always hold an ordinary line, whatever the others do. What it holds beyond
//! its share comes out of the other half, and there it may grow while it holds
//! less than what is free (the dynamic threshold of Choudhury and Hahne,
//! "Dynamic queue length thresholds in a shared memory ATM switch", 1996): as
//! memory gets short, whoever holds most waits first.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes that connections share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What each connection may always hold.
    share: usize,
    /// What they may hold beyond that, together.
    common: usize,
    taken: Mutex<Taken>,
    /// The turn of a connection whose peer has closed: see [`Holding::last_turn`].
    turn: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Held or granted, by all.
    all: usize,
    /// The most that `all` has been.
    peak: usize,
    /// Of `all`, what is beyond each one's share.
    common: usize,
}

impl Budget {
    /// A budget of `limit` bytes for at most so many connections.
    pub(crate) fn new(limit: usize, connections: usize) -> Self {
        let share = limit / 2 / connections.max(1);
        Self(Arc::new(Shared {
            share,
            common: limit - share * connections,
            taken: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }))
    }

    /// A new connection's holding, empty.
    pub(crate) fn holding(&self) -> Holding {
        Holding { budget: self.clone(), held: 0, granted: 0 }
    }

    /// Bytes held or granted now.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.lock().all
    }

    /// The most that were ever held or granted.
    pub(crate) fn peak(&self) -> usize {
        self.0.taken.lock().peak
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
    /// add `weight` bytes to the holding; 0: wait. Of what is free to all at
    /// most half is granted, so that a read elsewhere finds something too.
    /// Settle before asking again.
    pub(crate) fn grant(&mut self, want: usize, weight: usize) -> usize {
        debug_assert_eq!(self.granted, 0, "a grant is settled before the next");
        let budget = self.budget.clone();
        let Shared { share, common, taken, .. } = &*budget.0;
        let mut taken = taken.lock();
        let free = common.saturating_sub(taken.common);
        let own = share.saturating_sub(self.held);
        let beyond = free.saturating_sub(self.held.saturating_sub(*share)).div_ceil(2);
        let bytes = want.min((own + beyond) / weight);
        self.set(&mut taken, self.held, bytes * weight);
        bytes
    }

    /// Ends a grant: from now on the connection holds `held` bytes.
    pub(crate) fn settle(&mut self, held: usize) {
        let budget = self.budget.clone();
        self.set(&mut budget.0.taken.lock(), held, 0);
    }

    /// Waits for the one turn in which a connection may read without a grant.
    ///
    /// For a connection whose peer has closed: it would wait for bytes to come
    /// free that only such connections hold. It reads to its end within its
    /// turn, so at most one line above the limit is held, and then nothing.
    pub(crate) async fn last_turn(&self) -> OwnedSemaphorePermit {
        let turn = Arc::clone(&self.budget.0.turn);
        match turn.acquire_owned().await {
            Ok(permit) => permit,
            // It is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    fn set(&mut self, taken: &mut Taken, held: usize, granted: usize) {
        let share = self.budget.0.share;
        let (before, now) = (self.held + self.granted, held + granted);
        taken.all = taken.all - before + now;
        taken.peak = taken.peak.max(taken.all);
        taken.common = taken.common - before.saturating_sub(share) + now.saturating_sub(share);
        (self.held, self.granted) = (held, granted);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.settle(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whoever_holds_most_waits_first() {
        let budget = Budget::new(2000, 10);
        let (mut large, mut small) = (budget.holding(), budget.holding());
        for _ in 0..20 {
            let granted = large.grant(1000, 1);
            large.settle(large.held + granted);
        }
        assert_eq!(large.held, 100 + 500, "it holds as much beyond its share as is free");
        assert_eq!(small.grant(200, 1), 200, "the small one goes on");
        small.settle(0);
        drop(large);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn however_many_hoard_everyone_may_hold_an_ordinary_line() {
        let budget = Budget::new(32 << 20, 10_240);
        let mut hoarders: Vec<_> = (0..10_239).map(|_| budget.holding()).collect();
        for _ in 0..20 {
            for hoarder in &mut hoarders {
                let granted = hoarder.grant(1 << 16, 1);
                hoarder.settle((hoarder.held + granted).min(1 << 16));
            }
        }
        assert!(budget.holding().grant(1 << 16, 1) >= 1638);
    }

    proptest! {
        #[test]
        fn the_limit_holds_at_every_moment(
            limit in 0_usize..10_000,
            steps in prop::collection::vec((0_usize..8, 0_usize..5000, 1_usize..20, 0.0_f64..1.0), 0..200),
        ) {
            let budget = Budget::new(limit, 8);
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
                let sum: usize = holdings.iter().map(|holding| holding.held + holding.granted).sum();
                prop_assert_eq!(budget.taken(), sum);
            }
        }
    }
}
