//! The model: what the log must hold, in plain vectors.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_log::{Batch, ClientCount, Cut, LogSlice, Sealed, Snapshot, State, Writer};
use schema::{ClientId, Date, Metrics, Micros, Position, Rejects, ServiceName, queue_row};
use storage::{Disk, Mode, SimDisk};

use super::World;

/// What the log must hold.
#[derive(Default)]
pub struct Model {
    /// Acknowledged, in order.
    committed: Vec<Committed>,
    /// Offered, and not answered yet or never.
    offered: Option<(Batch, Date)>,
    /// Offered, and turned away for lack of room: to be offered again.
    pub refused: Option<Batch>,
    /// The cuts: how many batches are below each, its tick, its position.
    cuts: Vec<(usize, Micros, Position)>,
    rotation: Option<Micros>,
    /// How far a reader was told that the log is durable.
    seen: Position,
}

struct Committed {
    batch: Batch,
    date: Date,
    generation: usize,
}

impl Model {
    pub fn client(&self, client: &ClientId) -> ClientCount {
        self.clients().get(client).copied().unwrap_or_default()
    }

    pub fn offer(&mut self, batch: &Batch, today: Date) {
        let date = self.offered.as_ref().map_or(today, |(_, date)| *date);
        self.offered = Some((batch.clone(), date));
    }

    pub fn acknowledge(&mut self) {
        let (batch, date) = self.offered.take().unwrap();
        self.committed.push(Committed { batch, date, generation: self.cuts.len() });
    }

    pub fn offer_rotation(&mut self, tick: Micros) {
        self.rotation = Some(tick);
    }

    pub fn not_rotated(&mut self) {
        self.rotation = None;
    }

    pub fn rotated(&mut self, cut: Position) {
        let tick = self.rotation.take().unwrap();
        self.cuts.push((self.committed.len(), tick, cut));
    }

    /// Whether anything has happened yet that a crash may follow.
    pub fn troubled(&self) -> bool {
        !self.committed.is_empty()
    }

    /// The state must be exactly what is acknowledged.
    pub fn check_state(&self, state: &State) {
        assert_eq!(state.mark().commit, self.committed.len() as u64, "commits");
        assert_eq!(*state.clients(), self.clients(), "clients");
        assert_eq!(*state.services(), self.services(), "services");
        assert_eq!(*state.rejected(), self.rejects(), "rejects");
        assert_eq!(state.messages(), self.committed.iter().map(|one| one.batch.messages).sum::<u64>());
        assert_eq!(state.generation().get(), self.cuts.len() as u64 + 1, "generation");
    }

    /// After recovery: what was acknowledged, and at most the one batch, or the one rotation, that was under way.
    pub fn check_recovered(&mut self, writer: &Writer) {
        let state = writer.state();
        if state.mark().commit == self.committed.len() as u64 + 1 {
            self.acknowledge();
        }
        if state.generation().get() == self.cuts.len() as u64 + 2 {
            self.rotated(state.start());
        }
        (self.offered, self.refused, self.rotation) = (None, None, None);
        self.check_state(state);
        assert!(state.position() >= self.seen, "a reader was promised {}, not {}", self.seen, state.position());
    }

    /// What a reader sees: a prefix of the acknowledged and the offered, with all the acknowledged.
    pub fn check_snapshot(&mut self, disk: &SimDisk, snapshot: &Snapshot) {
        let bytes = read(disk, &snapshot.slices(snapshot.generations[0].start..snapshot.durable).unwrap());
        let mut expected = self.log();
        if bytes != expected {
            let Some((batch, _)) = &self.offered else { panic!("the reader sees something else") };
            expected.extend_from_slice(&batch.log);
            assert!(bytes == expected, "the reader sees something else");
        }
        self.seen = self.seen.max(snapshot.durable);
    }

    /// All files, as a reader finds them after recovery. `queue` says whether the queue must be whole.
    pub fn check_everything(&mut self, disk: &SimDisk, snapshot: &Snapshot, queue: bool) {
        assert!(self.offered.is_none());
        self.check_snapshot(disk, snapshot);
        assert_eq!(snapshot.generations.len(), self.cuts.len() + 1);
        for (index, generation) in snapshot.generations.iter().enumerate() {
            let rows = self.rows(index);
            let mut found = Vec::new();
            snapshot
                .queue_rows(disk, &Metrics::default(), &generation.first, &generation.last, |rows| {
                    found.extend_from_slice(rows);
                    Ok::<_, hourglass_log::LogError>(())
                })
                .unwrap();
            assert!(found == rows, "rows of generation {index}");
            if generation.closed.is_some() {
                self.check_cut(disk, index, &Cut::of_generation(snapshot, generation.generation).unwrap());
            } else if queue {
                self.check_queue_file(disk, generation.generation, rows);
            }
        }
        self.check_files(disk, snapshot);
    }

    /// The open queue is the header and a pure function of the log, nothing else.
    fn check_queue_file(&self, disk: &SimDisk, generation: schema::Generation, rows: Vec<u8>) {
        let mut expected = Vec::new();
        queue_row::header(&mut expected, &Metrics::default());
        expected.extend(rows);
        let file = disk.open(&World::folder().queue(generation), Mode::Read).unwrap();
        let mut found = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut found, 0).unwrap();
        assert!(found == expected, "queue file of generation {generation}");
    }

    fn check_cut(&self, disk: &SimDisk, index: usize, cut: &Cut) {
        let (_, tick, position) = self.cuts[index];
        assert_eq!((cut.tick, cut.position), (tick, position));
        let of_generation = || self.committed.iter().filter(|one| one.generation == index);
        assert_eq!(cut.messages(), of_generation().map(|one| one.batch.messages).sum::<u64>());
        let with_messages = || of_generation().filter(|one| one.batch.messages > 0);
        let least = with_messages().map(|one| one.batch.least).min();
        let greatest = with_messages().map(|one| one.batch.greatest).max();
        assert_eq!(cut.times(), least.zip(greatest));
        assert_eq!(Cut::open(&cut.key(), &cut.seal().unwrap()).unwrap(), *cut);
        for file in &cut.files {
            let id = schema::MonitorId::new("web-1").unwrap();
            let path = World::folder().log_file(file.date, &id, file.seq);
            assert_eq!(disk.length(&path).unwrap(), Some(file.length));
            let sealed = Sealed { bytes: 0..file.length, crc32c: file.crc32c };
            let slice = LogSlice { path, seq: file.seq, date: file.date, bytes: 0..file.length, sealed };
            assert_eq!(crc32c::crc32c(&read(disk, &[slice])), file.crc32c);
        }
    }

    /// A file holds one generation and one date, in the order of commits.
    fn check_files(&self, disk: &SimDisk, snapshot: &Snapshot) {
        let mut batches = self.committed.iter().filter(|one| !one.batch.log.is_empty());
        for (index, generation) in snapshot.generations.iter().enumerate() {
            let range = generation.start..generation.last.position;
            for slice in snapshot.slices(range).unwrap() {
                assert_eq!(disk.length(&slice.path).unwrap(), Some(slice.bytes.end), "{}", slice.path.display());
                let mut at = 0;
                while at < slice.bytes.end {
                    let one = batches.next().unwrap();
                    assert_eq!((one.generation, one.date), (index, slice.date), "{}", slice.path.display());
                    at += one.batch.log.len() as u64;
                }
                assert_eq!(at, slice.bytes.end, "a batch spans two files");
            }
        }
        assert!(batches.next().is_none());
    }

    fn log(&self) -> Vec<u8> {
        self.committed.iter().flat_map(|one| &one.batch.log).copied().collect()
    }

    fn rows(&self, generation: usize) -> Vec<u8> {
        let of_generation = self.committed.iter().filter(|one| one.generation == generation);
        of_generation.flat_map(|one| &one.batch.queue).copied().collect()
    }

    fn clients(&self) -> BTreeMap<ClientId, ClientCount> {
        self.committed.iter().flat_map(|one| one.batch.clients.iter().cloned()).collect()
    }

    fn services(&self) -> BTreeSet<ServiceName> {
        self.committed.iter().flat_map(|one| one.batch.services.iter().cloned()).collect()
    }

    fn rejects(&self) -> Rejects {
        self.committed.iter().flat_map(|one| one.batch.rejected.iter().collect::<Vec<_>>()).collect()
    }
}

/// The bytes of these slices, one after the other.
fn read(disk: &SimDisk, slices: &[LogSlice]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for slice in slices {
        let file = disk.open(&slice.path, Mode::Read).unwrap();
        let begin = bytes.len();
        bytes.resize(begin + (slice.bytes.end - slice.bytes.start) as usize, 0);
        file.read_exact_at(&mut bytes[begin..], slice.bytes.start).unwrap();
    }
    bytes
}
