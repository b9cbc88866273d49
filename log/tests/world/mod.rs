//! A world: one monitor's log over a simulated disk, and the model of what it must hold.
//!
//! A schedule is a random sequence of commits, rotations and readings. Faults strike where the test plans them; the
//! world then recovers, compares everything with the model, and goes on.

// Each test target uses its part.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

mod messages;
mod model;

use std::sync::Arc;

use hourglass_log::{CommitError, Identity, LogError, Options, Snapshot, Writer};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schema::{Date, Incarnation, Metrics, Micros, MonitorId};
use storage::layout::DataFolder;
use storage::{Disk, SimDisk, is_crash};

pub use messages::Messages;
pub use model::Model;

/// See the module.
pub struct World {
    pub disk: SimDisk,
    pub model: Model,
    pub rng: StdRng,
    writer: Option<Writer>,
    messages: Messages,
    today: u32,
    /// How the power loss of this schedule goes on: with the machine alive (a kill), or not.
    kills: bool,
    /// Whether the disk may be full: the queue may then lag, even after recovery.
    cramped: bool,
    /// Whether a sync failed since the last recovery.
    sync_failed: bool,
}

const AMPLE: u64 = 1 << 40;
const NEVER: u64 = 1 << 40;

/// Why a step did not end.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// The power is gone, or the process was killed.
    Crash,
    /// The writer has to be opened anew; the machine lives.
    Reopen,
}

/// What a schedule may do beside committing and rotating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Full disks, failing syncs, kills and power losses at random.
    Any,
}

impl World {
    /// A monitor that has just started for the first time.
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            disk: SimDisk::new(seed),
            model: Model::default(),
            rng: StdRng::seed_from_u64(!seed),
            writer: None,
            messages: Messages::new(),
            today: 20_000,
            kills: false,
            cramped: false,
            sync_failed: false,
        };
        world.kills = world.rng.random_bool(0.3);
        world
    }

    pub fn folder() -> DataFolder {
        DataFolder::new("/data")
    }

    pub fn options() -> Options {
        Options { log_bytes: 3000, metrics: Metrics::default() }
    }

    /// Runs `steps` random steps, through whatever faults are planned, and compares with the model at the end.
    pub fn run(&mut self, steps: usize, trouble: Trouble) {
        self.recover();
        for _ in 0..steps {
            if trouble == Trouble::Any {
                self.plan_trouble();
            }
            match self.step() {
                Ok(()) => {}
                Err(Stop::Crash) => self.crash(),
                Err(Stop::Reopen) => self.recover(),
            }
        }
        self.crash();
        self.crash();
    }

    /// Loses power (or has lost it), or is killed, and recovers.
    pub fn crash(&mut self) {
        self.writer = None;
        self.disk = if self.kills { self.disk.kill() } else { self.disk.restart() };
        self.recover();
    }

    fn plan_trouble(&mut self) {
        match self.rng.random_range(0..100) {
            0..5 => self.disk.crash_at_operation(self.rng.random_range(1..20)),
            5..10 => self.disk.crash_at_sync(self.rng.random_range(1..6)),
            10..13 => self.disk.eio_at_sync(self.rng.random_range(1..6)),
            13..16 => {
                let room = self.rng.random_range(0..3000);
                self.set_room(room);
            }
            16..40 => self.set_room(AMPLE),
            40..42 => self.kills = !self.kills,
            _ => {}
        }
    }

    fn set_room(&mut self, bytes: u64) {
        self.disk.set_room(bytes);
        self.cramped = bytes < AMPLE;
    }

    fn step(&mut self) -> Result<(), Stop> {
        match self.rng.random_range(0..20) {
            0..2 => self.rotate(),
            2 => {
                self.today += 1;
                Ok(())
            }
            3 => self.read(),
            _ => self.commit(),
        }
    }

    fn commit(&mut self) -> Result<(), Stop> {
        let batch = match self.model.refused.take() {
            Some(batch) => batch,
            None => self.messages.any_batch(&mut self.rng, |client| self.model.client(client)),
        };
        let today = Date::new(self.today).unwrap();
        self.model.offer(&batch, today);
        let writer = self.writer.as_mut().unwrap();
        match writer.commit(&batch, today) {
            Ok(position) => {
                self.model.acknowledge();
                assert_eq!(position, writer.state().position());
                if self.rng.random_bool(0.8) {
                    writer.append_queue(&batch);
                    // A fault may have struck just there; then the next call makes it good.
                    writer.append_queue(&batch);
                    if !self.cramped && !self.disk.is_crashed() {
                        let mark = writer.state().mark();
                        let queue = self.disk.length(&Self::folder().queue(mark.generation)).unwrap();
                        assert_eq!(queue, Some(mark.queue_len), "what lagged is made good");
                    }
                }
                self.model.check_state(writer.state());
                Ok(())
            }
            Err(CommitError::Full(error)) => {
                assert!(storage::is_full(&error), "{error}");
                self.model.refused = Some(batch);
                Ok(())
            }
            Err(CommitError::Io(error)) => Err(self.stop(&error)),
        }
    }

    fn rotate(&mut self) -> Result<(), Stop> {
        let writer = self.writer.as_mut().unwrap();
        let tick = Micros::new(i64::from(self.today) * 86_400_000_000).unwrap();
        self.model.offer_rotation(tick);
        match writer.rotate(tick) {
            Ok(cut) => {
                self.model.rotated(cut);
                self.model.check_state(writer.state());
                Ok(())
            }
            Err(CommitError::Full(_)) => {
                self.model.not_rotated();
                Ok(())
            }
            Err(CommitError::Io(error)) => Err(self.stop(&error)),
        }
    }

    /// What a reader sees must be what is acknowledged, and must stay.
    fn read(&mut self) -> Result<(), Stop> {
        match Snapshot::read(&self.disk, &Self::folder(), None) {
            Ok(snapshot) => {
                let snapshot = snapshot.unwrap();
                self.model.check_snapshot(&self.disk, &snapshot);
                Ok(())
            }
            Err(error) => Err(self.stopped_by(&error)),
        }
    }

    /// Opens the log, through as many further faults as come, and compares everything.
    ///
    /// One combination is left out: power lost, or a second sync failed, while recovery writes over what a failed sync
    /// tore. Two tears within one sector leave a record that looks corrupted; it was never acknowledged, and is refused.
    fn recover(&mut self) {
        self.writer = None;
        let mut faults = 0;
        loop {
            if faults < 3 && self.rng.random_bool(0.3) && self.model.troubled() {
                faults += 1;
                match self.rng.random_range(0..4) {
                    0 => self.disk.eio_at_sync(self.rng.random_range(1..6)),
                    _ => self.disk.crash_at_operation(self.rng.random_range(1..25)),
                }
            }
            if self.sync_failed {
                self.disk.crash_at_operation(NEVER);
                self.disk.crash_at_sync(NEVER);
                self.disk.eio_at_sync(NEVER);
            }
            match self.open() {
                Ok(writer) => {
                    self.sync_failed = false;
                    self.model.check_recovered(&writer);
                    self.writer = Some(writer);
                    break;
                }
                Err(error) => {
                    if self.stopped_by(&error) == Stop::Crash {
                        self.disk = if self.kills { self.disk.kill() } else { self.disk.restart() };
                    }
                }
            }
        }
        match Snapshot::read(&self.disk, &Self::folder(), None) {
            Ok(snapshot) => self.model.check_everything(&self.disk, &snapshot.unwrap(), !self.cramped),
            Err(error) if self.stopped_by(&error) == Stop::Crash => self.crash(),
            Err(_) => self.recover(),
        }
    }

    fn open(&self) -> Result<Writer, LogError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let folder = Self::folder();
        let id = MonitorId::new("web-1").unwrap();
        let identity = Identity::establish(&*disk, &folder, &id, Incarnation::new(7))?;
        let (writer, _) = Writer::open(disk, folder, &identity, Self::options(), Micros::MIN)?;
        Ok(writer)
    }

    fn stopped_by(&mut self, error: &LogError) -> Stop {
        match error {
            LogError::Disk(error) if storage::is_full(error) => {
                self.set_room(AMPLE);
                Stop::Reopen
            }
            LogError::Disk(error) => self.stop(error),
            other => panic!("{other}"),
        }
    }

    fn stop(&mut self, error: &std::io::Error) -> Stop {
        if is_crash(error) || self.disk.is_crashed() {
            return Stop::Crash;
        }
        assert_eq!(storage::os_error(error), Some(5), "{error}");
        self.sync_failed = true;
        Stop::Reopen
    }
}
