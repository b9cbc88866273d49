//! Window: reading a file front to back in bounded memory, and whole small
//! ones. What must hold: it gives the bytes of the file, in order, or an error.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use storage::{Disk, DiskFile, Mode};

/// A piece of a file that moves towards its end.
pub(crate) struct Window {
    file: Arc<dyn DiskFile>,
    /// The file's bytes from `base` on, as far as they were read.
    buffer: Vec<u8>,
    base: u64,
    at: usize,
}

const CHUNK: usize = 64 << 10;

impl Window {
    pub(crate) fn new(file: Arc<dyn DiskFile>, offset: u64) -> Self {
        Self { file, buffer: Vec::new(), base: offset, at: 0 }
    }

    pub(crate) fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    /// Where it is.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// What has been read from here on.
    pub(crate) fn seen(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// At least `count` bytes from here on; fewer only at the end of the file.
    pub(crate) fn fill(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.at < count {
            self.buffer.drain(..self.at);
            self.base += self.at as u64;
            self.at = 0;
        }
        while self.buffer.len() - self.at < count {
            let have = self.buffer.len();
            self.buffer.resize(have + CHUNK.max(count - have), 0);
            let read = self.file.read_at(&mut self.buffer[have..], self.base + have as u64)?;
            self.buffer.truncate(have + read);
            if read == 0 {
                break;
            }
        }
        Ok(self.seen())
    }

    /// Moves on by `count` bytes that were seen.
    pub(crate) fn consume(&mut self, count: usize) {
        self.at += count;
    }

    /// Moves to `offset`, which is not before here.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        let forward = offset.saturating_sub(self.offset());
        match usize::try_from(forward) {
            Ok(forward) if forward <= self.seen().len() => self.at += forward,
            _ => {
                self.buffer.clear();
                (self.base, self.at) = (offset, 0);
            }
        }
    }
}

/// The bytes `range` of a file, fewer when it ends before, and the open file.
pub(crate) fn read_range(disk: &dyn Disk, path: &Path, range: Range<u64>) -> io::Result<(Arc<dyn DiskFile>, Vec<u8>)> {
    let file = disk.open(path, Mode::Read)?;
    let mut window = Window::new(Arc::clone(&file), range.start);
    let length = (range.end - range.start) as usize;
    window.fill(length)?;
    let mut bytes = window.buffer;
    bytes.truncate(length);
    Ok((file, bytes))
}

/// A whole file.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Mode::Read)?;
    let mut bytes = vec![0; file.len()? as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
