//! Processes under measurement: one that runs to its end, and a server that is started, used and stopped.
//!
//! Peak memory is the process's own `VmHWM`, read from `/proc` every two milliseconds while it lives; it only ever
//! grows, so the last reading misses at most its last two milliseconds.

use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How a finished command went.
pub(crate) struct Finished {
    /// From before it was started until it was gone.
    pub(crate) seconds: f64,
    /// Its `VmHWM`, bytes.
    pub(crate) peak_bytes: u64,
    /// What it printed.
    pub(crate) output: String,
}

/// Runs a command to its end.
pub(crate) fn measure(command: &mut Command) -> Result<Finished> {
    let begun = Instant::now();
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| format!("start {command:?}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let mut peak_bytes = 0;
    let status = loop {
        peak_bytes = peak_bytes.max(high_water(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let seconds = begun.elapsed().as_secs_f64();
    let (output, errors) = (joined(stdout), joined(stderr));
    ensure!(status.success(), "{command:?} ended with {status}:\n{errors}");
    Ok(Finished { seconds, peak_bytes, output })
}

/// A server that has said it is ready. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    /// The line that said so, e.g. `listening on 127.0.0.1:7070`.
    pub(crate) ready: String,
}

impl Server {
    /// Starts a server and waits for the first line it prints.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let stdout = child.stdout.take().context("a piped standard output")?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        if ready.is_empty() {
            bail!("{command:?} ended before it was ready: {}", child.wait()?);
        }
        Ok(Self { child, ready: ready.trim().to_owned() })
    }

    /// A server that prints nothing; the caller knows another way when it is ready.
    pub(crate) fn start_silent(command: &mut Command) -> Result<Self> {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        Ok(Self { child, ready: String::new() })
    }

    /// The address in the ready line.
    pub(crate) fn address(&self) -> Result<&str> {
        self.ready.rsplit(' ').next().context("an address in the ready line")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Peak memory until now, bytes.
    pub(crate) fn peak_bytes(&self) -> Result<u64> {
        high_water(self.child.id()).context("the server is gone")
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn high_water(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn joined(reader: std::thread::JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}
