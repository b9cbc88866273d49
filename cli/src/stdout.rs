//! Standard output: buffered, and failing with an error of its own, so that a reader who leaves early (`head`)
//! ends a command quietly.

use std::io::{self, BufWriter, Write};

use crate::outcome::StdoutFailed;

/// Buffered standard output. Call [`Stdout::finish`] at the end: what is buffered is lost otherwise.
pub(crate) struct Stdout(BufWriter<io::Stdout>);

impl Stdout {
    /// Standard output, for a command that writes nothing else there.
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(256 << 10, io::stdout()))
    }

    /// Writes out what is buffered.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        Ok(self.flush()?)
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(StdoutFailed::wrap)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(StdoutFailed::wrap)
    }
}

/// Prints one or more lines at once: who reads the first and goes ends nothing.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| StdoutFailed::wrap(error).into())
}
