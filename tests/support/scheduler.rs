//! A scheduler in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use super::{hourglass, process::words};

/// A scheduler that has said that it is ready; killed when dropped.
pub struct Scheduler(Child);

impl Scheduler {
    /// Starts one; `line` is what follows `scheduler`, as in [`run`](super::run).
    pub fn start(data: &Path, line: &str) -> Self {
        let words = words(data, line);
        let mut command = hourglass(["scheduler"].into_iter().chain(words.iter().map(String::as_str)));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let scheduler = Self(child);
        assert!(ready.starts_with("scheduling"), "{ready:?}");
        scheduler
    }

    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Scheduler {
    /// SIGKILL.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
