//! Every acknowledged batch survives any crash, exactly once and in order.
//!
//! Random schedules of commits, rotations and readings run over a simulated disk that loses power, is killed, fills up
//! or fails a sync; after each recovery everything is compared with a plain model: log bytes, client table, services,
//! rejects, cuts, and the queue as a pure function of the log.
//!
//! `HOURGLASS_SOAK=100000` sets how many random schedules run.

mod world;

use world::{Trouble, World};

#[test]
fn random_schedules_with_random_faults_lose_nothing_and_repeat_nothing() {
    let schedules = std::env::var("HOURGLASS_SOAK").ok().and_then(|count| count.parse().ok()).unwrap_or(1500);
    for seed in 0..schedules {
        run(seed, |world| world.run(30, Trouble::Any));
    }
}

#[test]
fn a_crash_at_any_operation_of_a_schedule_loses_nothing_and_repeats_nothing() {
    for seed in 0..4 {
        for nth in 1..200 {
            run(seed, |world| {
                world.disk.crash_at_operation(nth);
                world.run(25, Trouble::None);
            });
        }
    }
}

#[test]
fn a_crash_at_any_sync_of_a_schedule_loses_nothing_and_repeats_nothing() {
    for seed in 100..110 {
        for nth in 1..70 {
            run(seed, |world| {
                world.disk.crash_at_sync(nth);
                world.run(25, Trouble::None);
            });
        }
    }
}

/// Runs one schedule; says which, if it fails.
fn run(seed: u64, schedule: impl Fn(&mut World) + std::panic::RefUnwindSafe) {
    let result = std::panic::catch_unwind(|| schedule(&mut World::new(seed)));
    if let Err(panic) = result {
        eprintln!("schedule of seed {seed} failed");
        std::panic::resume_unwind(panic);
    }
}
