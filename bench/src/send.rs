//! The sender that both sides of the ingest comparison share: one connection a file, the file's bytes as they are.
//!
//! With `--ack` each connection opens with the hello line and ends when its last line is acknowledged, so the time
//! includes every fsync. Without it the sender ends when the bytes are handed to the kernel, and the caller watches
//! the receiver's file.

use anyhow::{Context, Result, ensure};
use clap::Args;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};

/// `send ADDRESS FILE...`
#[derive(Args)]
pub(crate) struct Send {
    address: String,
    files: Vec<PathBuf>,
    /// Wait for the acknowledgement of every line.
    #[arg(long)]
    ack: bool,
}

impl Send {
    /// Sends all files at once, each on its own connection.
    pub(crate) fn run(&self) -> Result<()> {
        std::thread::scope(|scope| {
            let senders: Vec<_> = self.files.iter().map(|file| scope.spawn(|| self.send(file))).collect();
            senders
                .into_iter()
                .try_for_each(|sender| sender.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a sender panicked"))))
        })
    }

    fn send(&self, path: &Path) -> Result<()> {
        let mut stream = TcpStream::connect(&self.address).with_context(|| format!("connect to {}", self.address))?;
        let mut file = File::open(path)?;
        if !self.ack {
            copy(&mut file, &mut stream)?;
            stream.shutdown(Shutdown::Write)?;
            return Ok(());
        }
        let client = format!("bench-{}-{}", std::process::id(), path.file_name().unwrap_or_default().to_string_lossy());
        writeln!(stream, "{{\"hourglass\":{{\"version\":1,\"client\":\"{client}\"}}}}")?;
        let mut answers = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        ensure!(line.contains("\"resume\":0"), "unexpected welcome: {line}");
        let reader = std::thread::spawn(move || last_ack(answers));
        let lines = copy(&mut file, &mut stream)?;
        stream.shutdown(Shutdown::Write)?;
        let acked = reader.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the reader panicked")))?;
        ensure!(acked == lines, "sent {lines} lines, but {acked} were acknowledged");
        Ok(())
    }
}

/// Opens idle connections and holds them until standard input ends.
pub(crate) fn hold(address: &str, connections: usize) -> Result<()> {
    let held: Vec<_> = (0..connections).map(|_| TcpStream::connect(address)).collect::<Result<_, _>>()?;
    println!("holding {}", held.len());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Copies a file in 256 KiB writes and counts its lines.
fn copy(file: &mut File, stream: &mut TcpStream) -> Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut lines = 0;
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(lines);
        }
        lines += buffer[..length].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        stream.write_all(&buffer[..length])?;
    }
}

/// Reads acknowledgements until the server closes; the highest.
fn last_ack(answers: BufReader<TcpStream>) -> Result<u64> {
    let mut highest = 0;
    for line in answers.lines() {
        let line = line?;
        let answer: serde_json::Value =
            serde_json::from_str(&line).with_context(|| format!("unexpected answer {line}"))?;
        highest = answer.get("ack").and_then(serde_json::Value::as_u64).unwrap_or(highest);
    }
    Ok(highest)
}
