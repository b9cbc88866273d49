//! TCP ingest by `up` (validated, fsynced, acknowledged) against rsyslog's imptcp writing the same bytes unparsed
//! and unsynced; the monitor's peak memory under that load and with 10 000 connections; the disk's own fsync cost.

use crate::data::{self, Layouts};
use crate::process::Server;
use crate::report::{Report, Row, median, megabytes};
use crate::workshop::Workshop;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Connections that send at once.
const CONNECTIONS: u64 = 4;

/// Three rows and a note.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let messages = 2_000_000 / workshop.scale;
    let files = (0..CONNECTIONS)
        .map(|part| data::day(workshop, Layouts::One, messages / CONNECTIONS, 1 + part))
        .collect::<Result<Vec<_>>>()?;
    let (mut ours, mut peer, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=workshop.runs {
        let (seconds, peak) = hourglass(workshop, &files)?;
        let theirs = rsyslog(workshop, &files)?;
        if run > 0 {
            ours.push(seconds);
            peer.push(theirs);
            peaks.push(peak);
        }
    }
    report.add(Row {
        work: "TCP ingest by `up`, 4 connections, 2 M messages, fsynced and acknowledged, against rsyslog imptcp unparsed and unsynced",
        must: "2x",
        aim: "3x",
        reached: format!("{:.1}x", median(&peer) / median(&ours)),
        figures: format!("{:.2} s, {:.1} M messages/s; rsyslog {:.2} s", median(&ours), messages as f64 / median(&ours) / 1e6, median(&peer)),
    });
    report.add(Row {
        work: "peak memory of `up` under that load; with 10 000 connections",
        must: "64 MB; 128 MB",
        aim: "32 MB; 64 MB",
        reached: format!(
            "{}; {}",
            megabytes(peaks.iter().copied().max().unwrap_or(0)),
            megabytes(ten_thousand(workshop)?)
        ),
        figures: "VmHWM".to_owned(),
    });
    report.note(format!(
        "The disk's own cost: fdatasync after 4 kB appended, median {:.2} ms.",
        fsync_cost(workshop)? * 1e3
    ));
    Ok(())
}

/// Seconds until everything is acknowledged, and the server's peak memory.
fn hourglass(workshop: &Workshop, files: &[PathBuf]) -> Result<(f64, u64)> {
    let folder = workshop.fresh_folder("ingest")?;
    let up = Server::start(workshop.hourglass().args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&folder))?;
    let sent = workshop.measure(workshop.part("send").arg("--ack").arg(up.address()?).args(files))?;
    let peak = up.peak_bytes()?;
    up.stop()?;
    Ok((sent.seconds, peak))
}

/// Seconds until rsyslog's file holds every byte.
fn rsyslog(workshop: &Workshop, files: &[PathBuf]) -> Result<f64> {
    let folder = workshop.fresh_folder("rsyslog")?;
    let port = free_port()?;
    let (output, config) = (folder.join("output.ndjson"), folder.join("rsyslog.conf"));
    std::fs::write(&config, rsyslog_config(port, &output))?;
    let server = Server::start_silent(
        Command::new("rsyslogd").arg("-n").arg("-f").arg(&config).arg("-i").arg(folder.join("pid")),
    )
    .context("rsyslogd is the peer of this row: apt-get install rsyslog")?;
    until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    let expected = files.iter().map(|file| Ok(std::fs::metadata(file)?.len())).sum::<Result<u64>>()?;
    let begun = Instant::now();
    let sent = workshop.part("send").arg(format!("127.0.0.1:{port}")).args(files).status()?;
    anyhow::ensure!(sent.success(), "the sender failed");
    until(|| std::fs::metadata(&output).is_ok_and(|written| written.len() >= expected))?;
    let seconds = begun.elapsed().as_secs_f64();
    server.stop()?;
    Ok(seconds)
}

/// imptcp with two helper threads, a file written raw through a large asynchronous buffer: rsyslog at its fastest.
fn rsyslog_config(port: u16, output: &Path) -> String {
    format!(
        r#"module(load="imptcp" threads="2")
global(maxMessageSize="64k")
main_queue(queue.size="500000" queue.dequeueBatchSize="8192")
template(name="raw" type="string" string="%rawmsg%\n")
input(type="imptcp" port="{port}" ruleset="store")
ruleset(name="store") {{
  action(type="omfile" file="{}" template="raw" ioBufferSize="1m" asyncWriting="on" flushOnTXEnd="off" flushInterval="1")
}}
"#,
        output.display()
    )
}

/// Peak memory of `up` while 10 000 connections are open and one of them sends.
fn ten_thousand(workshop: &Workshop) -> Result<u64> {
    let folder = workshop.fresh_folder("connections")?;
    let up = Server::start(workshop.hourglass().args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&folder))?;
    let mut holder =
        workshop.part("hold").arg(up.address()?).arg("10000").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut held = String::new();
    BufReader::new(holder.stdout.take().context("a piped standard output")?).read_line(&mut held)?;
    anyhow::ensure!(held.starts_with("holding 10000"), "the connections were not all accepted: {held}");
    let file = data::day(workshop, Layouts::One, 500_000 / workshop.scale, 1)?;
    workshop.measure(workshop.part("send").arg("--ack").arg(up.address()?).arg(file))?;
    let peak = up.peak_bytes()?;
    holder.kill()?;
    holder.wait()?;
    up.stop()?;
    Ok(peak)
}

fn fsync_cost(workshop: &Workshop) -> Result<f64> {
    let mut file = File::create(workshop.scratch("fsync"))?;
    let costs = (0..200)
        .map(|_| {
            file.write_all(&[b'x'; 4096])?;
            let begun = Instant::now();
            file.sync_data()?;
            Ok(begun.elapsed().as_secs_f64())
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(median(&costs))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn until(condition: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        anyhow::ensure!(Instant::now() < deadline, "waited a minute in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
