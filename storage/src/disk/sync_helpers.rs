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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use parking_lot::Condvar;

    use super::*;

    /// Where a given number of threads wait for each other, but not for ever.
    #[derive(Debug)]
    struct Meeting {
        size: u32,
        arrived: Mutex<u32>,
        changed: Condvar,
    }

    impl Meeting {
        fn wait(&self) {
            let mut arrived = self.arrived.lock();
            let round = *arrived / self.size;
            *arrived += 1;
            self.changed.notify_all();
            let waiting = |arrived: &mut u32| *arrived / self.size == round;
            let waited = self.changed.wait_while_for(&mut arrived, waiting, Duration::from_secs(10));
            assert!(!waited.timed_out(), "the others never came");
        }
    }

    /// A file whose sync ends only when all of `meeting` are in theirs.
    #[derive(Debug)]
    struct Slow {
        meeting: Arc<Meeting>,
        fails: Option<&'static str>,
        synced: AtomicU32,
    }

    impl DiskFile for Slow {
        fn sync(&self) -> io::Result<()> {
            self.meeting.wait();
            self.synced.fetch_add(1, Ordering::SeqCst);
            self.fails.map_or(Ok(()), |why| Err(io::Error::other(why)))
        }

        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }
        fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Ok(())
        }
        fn truncate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn allocate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn len(&self) -> io::Result<u64> {
            Ok(0)
        }
    }

    fn slow<const N: usize>(fails: [Option<&'static str>; N]) -> [Arc<Slow>; N] {
        let meeting = Arc::new(Meeting { size: N as u32, arrived: Mutex::new(0), changed: Condvar::new() });
        fails.map(|fails| Arc::new(Slow { meeting: meeting.clone(), fails, synced: AtomicU32::new(0) }))
    }

    fn sync_all(helpers: &SyncHelpers, files: &[Arc<Slow>]) -> io::Result<()> {
        let files: Vec<Arc<dyn DiskFile>> = files.iter().map(|file| file.clone() as _).collect();
        helpers.sync_all(&files.iter().collect::<Vec<_>>())
    }

    #[test]
    fn all_files_are_synced_at_the_same_time_again_and_again() {
        let helpers = SyncHelpers::default();
        let files = slow([None; 4]);
        for _ in 0..100 {
            sync_all(&helpers, &files).unwrap();
        }
        assert!(files.iter().all(|file| file.synced.load(Ordering::SeqCst) == 100));
        assert_eq!(helpers.idle.lock().len(), 3, "threads are kept, and no more than needed");
        sync_all(&helpers, &[]).unwrap();
    }

    #[test]
    fn the_first_failure_in_order_is_told_after_all_have_ended() {
        let helpers = SyncHelpers::default();
        let files = slow([None, Some("second"), Some("third")]);
        assert_eq!(sync_all(&helpers, &files).unwrap_err().to_string(), "second");
        assert!(files.iter().all(|file| file.synced.load(Ordering::SeqCst) == 1));
    }

    #[test]
    fn calls_from_several_threads_do_not_wait_for_each_other() {
        let helpers = SyncHelpers::default();
        // Each call's files wait for the other call's.
        let files = slow([None; 4]);
        thread::scope(|scope| {
            for pair in files.chunks(2) {
                let helpers = &helpers;
                scope.spawn(move || sync_all(helpers, pair).unwrap());
            }
        });
    }
}
