//! Staging: from chunks of lines to dated files in the data folder.
//!
//! Two threads parse, in turns; this thread hands them chunks and writes what they make of them, in the input's order.
//! Memory is bounded by a few chunks and a bounded set of buffers, however many dates there are and in whatever order.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use schema::{Metrics, Micros, Reject, Rejects, ServiceName};
use storage::Disk;
use storage::layout::DataFolder;

use super::dated::DatedFiles;
use super::worker::{Parsed, Services, Worker};
use crate::error::LogError;
use crate::files::FileSummary;

/// How lines are judged and filed.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The store's metrics.
    pub metrics: Metrics,
    /// Messages later than this are rejected: the time of the import plus `accept.future`, read once.
    pub latest: Micros,
    /// At most so many services (`accept.services`).
    pub services: usize,
    /// A random number, the attempt's: no earlier attempt of this import has it.
    pub attempt: u32,
    /// A dated file that has reached this many bytes is followed by another (`log.bytes`).
    pub file_bytes: u64,
}

/// A rejected item, for the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: Reject,
    /// Its bytes, without a newline; at most [`schema::MAX_LINE`] of them.
    pub line: Vec<u8>,
}

/// Everything of an input, filed by date, synced, not yet in the store.
#[derive(Debug)]
pub struct Staged {
    pub(super) folder: PathBuf,
    pub(super) attempt: u32,
    pub(super) files: Vec<FileSummary>,
    /// What was rejected, by reason.
    pub rejected: Rejects,
    /// The services in it.
    pub services: Vec<ServiceName>,
    /// Accepted messages.
    pub messages: u64,
}

/// Reads all of `input` (chunks of whole lines) into dated files below the data folder, whose import lock the caller
/// holds. `rejected` is told of every rejected item, in order.
///
/// # Errors
/// What `input` yields, or what the disk says. What is staged then is left to [`clean`](super::clean).
pub fn stage(
    disk: &dyn Disk,
    folder: &DataFolder,
    options: &ImportOptions,
    input: &mut dyn Iterator<Item = io::Result<Vec<u8>>>,
    rejected: &mut dyn FnMut(Rejected),
) -> Result<Staged, LogError> {
    let attempt = attempt_folder(folder, options.attempt);
    let services = Services::new(options.services);
    let files = DatedFiles::create(disk, attempt.clone(), options.file_bytes)?;
    let mut filing = Filing { files, rejects: Rejects::NONE, rejected };
    parse(options, &services, input, &mut |parsed| filing.take(parsed))?;
    let (rejected, files) = (filing.rejects, filing.files.finish()?);
    let messages = files.iter().map(|file| file.messages).sum();
    let services = services.into_names();
    Ok(Staged { folder: attempt, attempt: options.attempt, files, rejected, services, messages })
}

/// Where an attempt is staged.
pub(super) fn attempt_folder(folder: &DataFolder, attempt: u32) -> PathBuf {
    folder.import().join(format!("{attempt:08x}"))
}

/// Where the workers' results go.
struct Filing<'a, 'r> {
    files: DatedFiles<'a>,
    rejects: Rejects,
    rejected: &'r mut dyn FnMut(Rejected),
}

impl Filing<'_, '_> {
    fn take(&mut self, parsed: Parsed) -> io::Result<()> {
        for rejected in parsed.rejected {
            self.rejects.add(rejected.reason);
            (self.rejected)(rejected);
        }
        parsed.pieces.iter().try_for_each(|piece| self.files.append(piece))
    }
}

/// Parsing threads. A chunk each is being parsed, and one each waits.
const WORKERS: usize = 2;
const AHEAD: usize = 2 * WORKERS;

/// Has the workers parse all chunks, in turns, and takes their results in the chunks' order.
fn parse(
    options: &ImportOptions,
    services: &Services,
    input: &mut dyn Iterator<Item = io::Result<Vec<u8>>>,
    take: &mut dyn FnMut(Parsed) -> io::Result<()>,
) -> io::Result<()> {
    std::thread::scope(|scope| {
        let lanes = [(); WORKERS].map(|()| {
            let (chunks, incoming) = sync_channel(AHEAD);
            let (outgoing, parsed) = sync_channel(AHEAD);
            scope.spawn(move || Worker::new(options, services).run(&incoming, &outgoing));
            (chunks, parsed)
        });
        let gone = || io::Error::other("a parsing thread panicked");
        let (mut sent, mut taken) = (0, 0);
        loop {
            let chunk = input.next().transpose()?;
            let most = if chunk.is_some() { AHEAD - 1 } else { 0 };
            while sent - taken > most {
                take(lanes[taken % WORKERS].1.recv().map_err(|_| gone())?)?;
                taken += 1;
            }
            let Some(chunk) = chunk else { return Ok(()) };
            lanes[sent % WORKERS].0.send(chunk).map_err(|_| gone())?;
            sent += 1;
        }
    })
}
