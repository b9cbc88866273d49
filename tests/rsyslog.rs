//! Promise: rsyslog, configured as `deploy/senders/rsyslog.conf` says, sends each line of its files as it is, and the
//! ones that come later too.
//!
//! A real rsyslogd, in the foreground, with folders of its own; where there is none the test is skipped, visibly.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::{Hourglass, message, now_micros, run, skip, until};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The configuration as it is delivered, of this folder and this monitor.
fn configured(folder: &Path, port: u16) -> String {
    let delivered = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/senders/rsyslog.conf"));
    let folder = folder.to_str().unwrap();
    let mut text = delivered.unwrap();
    for (ours, here) in [
        ("/var/log/health/", format!("{folder}/health/")),
        ("port=\"7070\"", format!("port=\"{port}\"")),
        ("global(maxMessageSize=", format!("global(workDirectory=\"{folder}/spool\" maxMessageSize=")),
    ] {
        assert!(text.contains(ours), "{ours}");
        text = text.replace(ours, &here);
    }
    text
}

#[test]
fn each_line_of_its_files_is_sent_as_it_is() {
    let Ok(version) = Command::new("rsyslogd").arg("-v").output() else {
        return skip("there is no rsyslogd: apt-get install rsyslog");
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().unwrap();
    let (data, health) = (folder.path().join("data"), folder.path().join("health"));
    fs::create_dir_all(&health).unwrap();
    fs::create_dir_all(folder.path().join("spool")).unwrap();
    let server = Hourglass::start(&data, "up --data DATA");
    let configuration = folder.path().join("rsyslog.conf");
    fs::write(&configuration, configured(folder.path(), server.address.port())).unwrap();

    // One longer than rsyslog's own limit.
    let pad = format!("{{\"pad\":\"{}\",", "p".repeat(20_000));
    let line = |n: u64| match n {
        7 => message("a", now_micros(), n).replacen('{', &pad, 1),
        n => message("a", now_micros(), n),
    };
    let mut sent: Vec<String> = (0..500).map(line).collect();
    let mut file = fs::File::create(health.join("a.ndjson")).unwrap();
    file.write_all((sent.join("\n") + "\n").as_bytes()).unwrap();

    let mut command = Command::new("rsyslogd");
    command.arg("-n").arg("-f").arg(&configuration).arg("-i").arg(folder.path().join("pid"));
    let complaints = fs::File::create(folder.path().join("complaints")).unwrap();
    let mut rsyslog = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaints).spawn().unwrap());
    let mut until_there = |sent: &[String]| {
        until("every line", || {
            assert!(
                rsyslog.0.try_wait().unwrap().is_none(),
                "rsyslogd ended: {:?}",
                fs::read_to_string(folder.path().join("complaints"))
            );
            run(&data, "cat --data DATA").fine().stdout.lines().count() >= sent.len()
        });
        let there = run(&data, "cat --data DATA").fine().stdout;
        assert!(there.lines().eq(sent.iter().map(String::as_str)), "each as it is, once, in order");
    };
    until_there(&sent);
    let more: Vec<String> = (500..600).map(line).collect();
    file.write_all((more.join("\n") + "\n").as_bytes()).unwrap();
    sent.extend(more);
    until_there(&sent);
    assert!(server.drained().0.success());
}
