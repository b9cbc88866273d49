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

/// Prints a line, or several, at once: in one write, so that who reads the first and goes has taken them all.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let (mut out, text) = (io::stdout().lock(), format!("{text}\n"));
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| StdoutFailed::wrap(error).into())
}
