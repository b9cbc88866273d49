//! Threads that wait for fdatasync beside the caller's, so that syncing log and
//! journal takes as long as the slower of the two.
//!
//! A helper lives as long as its pool and serves one call at a time: a call
//! takes idle helpers (or starts new ones), gives each a file, syncs the last
//! file itself, then collects the answers and puts the helpers back.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use parking_lot::Mutex;

use super::DiskFile;

/// The helpers of one disk that are idle.
#[derive(Debug, Default)]
pub(super) struct SyncHelpers {
    idle: Mutex<Vec<Helper>>,
}

#[derive(Debug)]
struct Helper {
    files: Sender<Arc<dyn DiskFile>>,
    results: Receiver<io::Result<()>>,
}

impl SyncHelpers {
    /// Syncs all `files`, each in a thread of its own; the first failure in
    /// their order, after all have finished.
    pub(super) fn sync_all(&self, files: &[&Arc<dyn DiskFile>]) -> io::Result<()> {
        let Some((last, others)) = files.split_last() else {
            return Ok(());
        };
        let helpers: Vec<Option<Helper>> = others.iter().map(|file| self.begin(file)).collect();
        let last_result = last.sync();
        let mut result = Ok(());
        for (file, helper) in others.iter().zip(helpers) {
            result = result.and(self.finish(file, helper));
        }
        result.and(last_result)
    }

    /// Hands `file` to a helper; `None` when there is none to be had.
    fn begin(&self, file: &Arc<dyn DiskFile>) -> Option<Helper> {
        let idle = self.idle.lock().pop();
        let helper = idle.or_else(|| Helper::start().ok())?;
        helper.files.send(Arc::clone(file)).ok()?;
        Some(helper)
    }

    /// Waits for the helper's answer, or syncs here where there is no helper.
    fn finish(&self, file: &Arc<dyn DiskFile>, helper: Option<Helper>) -> io::Result<()> {
        let Some(helper) = helper else {
            return file.sync();
        };
        match helper.results.recv() {
            Ok(result) => {
                self.idle.lock().push(helper);
                result
            }
            // It panicked, so whether the file is durable is unknown.
            Err(_) => Err(io::Error::other("the thread that syncs a file ended")),
        }
    }
}

impl Helper {
    fn start() -> io::Result<Self> {
        let (files, asked) = channel::<Arc<dyn DiskFile>>();
        let (answers, results) = channel();
        thread::Builder::new().name("sync".to_owned()).stack_size(64 * 1024).spawn(move || {
            // Both ends close together, when the pool is dropped.
            while let Ok(file) = asked.recv() {
                if answers.send(file.sync()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { files, results })
    }
}
