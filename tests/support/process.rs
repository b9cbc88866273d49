//! Running the binary: once to its end, or as a server that listens.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::until;

/// Credentials for the servers that tests start, which take any: nobody's own are to reach them.
const CREDENTIALS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("GOOGLE_BEARER_TOKEN", "test")];

/// The binary, free of this machine's configuration.
pub fn hourglass<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hourglass"));
    for (name, _) in std::env::vars_os() {
        if ["HOURGLASS_", "AWS_", "GOOGLE_", "HADOOP_", "KRB5"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    // Tests run side by side: none takes the usual port.
    command.envs(CREDENTIALS).env("HOURGLASS_HTTP_ADDRESS", "127.0.0.1:0");
    command.args(arguments).stdin(Stdio::null());
    command
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// This, if the process ended well.
    ///
    /// # Panics
    /// If it did not; shows what it said.
    #[track_caller]
    pub fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// The words of a command line: `DATA` stands for the folder, `_` inside a word for a space.
pub(super) fn words(data: &Path, line: &str) -> Vec<String> {
    let data = data.to_str().unwrap();
    let words = line.split_whitespace();
    words.map(|word| if word == "DATA" { data.to_owned() } else { word.replace('_', " ") }).collect()
}

/// Runs the binary to its end; `line` as in [`words`].
pub fn run(data: &Path, line: &str) -> Ended {
    let words = words(data, line);
    let output = hourglass(words.iter().map(String::as_str)).output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A server that was started and has said that it listens; killed when dropped.
#[derive(Debug)]
pub struct Hourglass {
    child: Child,
    pub address: SocketAddr,
    /// Where it serves HTTP, if it said so.
    pub http: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Hourglass {
    /// Starts a monitor on any free port and waits for its ready line; `line` as in [`words`].
    pub fn start(data: &Path, line: &str) -> Self {
        Self::ready(data, &format!("{line} --listen 127.0.0.1:0"), "listening on ")
    }

    /// Starts a monitor where `line` says.
    pub fn ready_at(data: &Path, line: &str) -> Self {
        Self::ready(data, line, "listening on ")
    }

    /// Starts a dashboard; `line` as in [`words`].
    pub fn serving(data: &Path, line: &str) -> Self {
        Self::ready(data, line, "serving http://")
    }

    fn ready(data: &Path, line: &str, before_address: &str) -> Self {
        let words = words(data, line);
        let words = words.iter().map(String::as_str);
        let mut child = hourglass(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (log, reader) = collect(child.stderr.take().unwrap());
        let (mut ready, mut stdout) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        stdout.read_line(&mut ready).unwrap();
        let Some(address) = ready.trim_end().strip_prefix(before_address) else {
            let status = child.wait().unwrap();
            let _ = reader.join();
            panic!("no ready line but {ready:?}, {status}: {}", log.lock().unwrap());
        };
        let address = address.parse().unwrap();
        // Both lines come at once.
        let second = String::from_utf8(stdout.buffer().to_vec()).unwrap();
        let http = second.trim_end().strip_prefix("serving http://").map(|address| address.parse().unwrap());
        Self { child, address, http, log, reader: Some(reader) }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory it has had resident so far (VmHWM), in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// SIGKILL: no chance to do anything.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A signal it can act on.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; what it logged comes along.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let mut status = None;
        until("the process to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.reader.take().unwrap().join().unwrap();
        (status.unwrap(), self.log())
    }

    /// SIGTERM, then its end.
    pub fn drained(self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::TERM);
        self.ended()
    }
}

impl Drop for Hourglass {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Collects a pipe's text as it comes.
fn collect(mut pipe: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let log = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&log);
    let reader = std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut piece) {
            sink.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    });
    (log, reader)
}
