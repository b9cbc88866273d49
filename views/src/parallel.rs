//! Folding into one table with several threads.
//!
//! Each thread folds the jobs it takes into a table of its own; the tables are
//! merged at the end. What must hold: every job is done exactly once, and the
//! result does not depend on who did which, because tables merge exactly.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Result;
use crate::fold::Table;

/// Does `work` for each job below `jobs`, adding up what it returns.
///
/// # Errors
/// One of those of `work`; `table` is then of no use.
pub(crate) fn fold(
    threads: usize,
    jobs: usize,
    table: &mut Table,
    work: impl Fn(usize, &mut Table) -> Result<u64> + Sync,
) -> Result<u64> {
    let next = AtomicUsize::new(0);
    let run = |table: &mut Table| -> Result<u64> {
        let mut sum = 0;
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return Ok(sum);
            }
            sum += work(job, table)?;
        }
    };
    if threads.min(jobs) < 2 {
        return run(table);
    }
    let empty = table.emptied();
    let share = || -> Result<(u64, Table)> {
        let mut part = empty.emptied();
        Ok((run(&mut part)?, part))
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(jobs)).map(|_| scope.spawn(share)).collect();
        let mut sum = run(table);
        for other in others {
            match other.join() {
                Ok(Ok((more, part))) => {
                    table.merge(&part);
                    sum = sum.map(|sum| sum + more);
                }
                Ok(Err(error)) => sum = sum.and(Err(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        sum
    })
}
