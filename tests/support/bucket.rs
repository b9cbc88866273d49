//! Real servers of buckets for the tests, each in a process of its own (tests/bucket/).
//!
//! S3 is moto's server, from the Python package index; Google Cloud Storage is fake-gcs-server, a Go module. Both keep
//! all in memory. What is fetched and built is kept in Cargo's folder for test files.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/bucket");
const KEPT: &str = env!("CARGO_TARGET_TMPDIR");

/// A server with one empty bucket. It goes down with the value, and with the test's process.
pub struct BucketServer {
    process: Child,
    _alive: ChildStdin,
    port: u16,
    scheme: &'static str,
}

impl BucketServer {
    /// Starts one of S3; `None`, said visibly, where Python or a package index is missing.
    pub fn s3(forgetful: bool) -> Option<Self> {
        let mut command = Command::new(python()?);
        command.arg(Path::new(FOLDER).join("s3_server.py"));
        Some(Self::start(command, forgetful, "s3"))
    }

    /// Starts one of Google; `None`, said visibly, where Go or a module proxy is missing.
    pub fn gcs(forgetful: bool) -> Option<Self> {
        Some(Self::start(Command::new(gcs_server()?), forgetful, "gs"))
    }

    /// `forgetful`: it lets a name be taken twice.
    fn start(mut command: Command, forgetful: bool, scheme: &'static str) -> Self {
        command.args(forgetful.then_some("--forgetful"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let alive = process.stdin.take().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = said.find_map(|line| line.strip_prefix("ready ")?.parse().ok());
        let port = port.expect("the server tells its port; run it by hand to see why not");
        Self { process, _alive: alive, port, scheme }
    }

    /// A folder in its bucket, as a store's URL.
    pub fn url(&self, folder: &str) -> String {
        format!("{}://bucket/{folder}", self.scheme)
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Credentials that it takes, as object_store's settings.
    pub fn credentials(&self) -> &'static [(&'static str, &'static str)] {
        match self.scheme {
            "s3" => &[("aws_access_key_id", "test"), ("aws_secret_access_key", "test")],
            _ => &[("google_bearer_token", "test")],
        }
    }

    /// From now on it takes connections and answers none of them.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.process), Signal::STOP).unwrap();
    }

    /// It goes on with all that was asked meanwhile.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.process), Signal::CONT).unwrap();
    }
}

impl Drop for BucketServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One test fetches, the others wait.
static FETCHING: Mutex<()> = Mutex::new(());

/// A Python that has moto.
fn python() -> Option<PathBuf> {
    let _one_at_a_time = FETCHING.lock().unwrap();
    let venv = Path::new(KEPT).join("bucket-venv");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        let made = succeeds(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        let packages = ["moto[s3]==5.2.5", "flask", "flask-cors"];
        if !made || !succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages)) {
            super::skip("python3 with venv and a package index is needed for an S3 server");
            return None;
        }
        std::fs::write(venv.join("ready"), "").unwrap();
    }
    Some(python)
}

/// The built server of Google's. Building again what is built takes no time.
fn gcs_server() -> Option<PathBuf> {
    let _one_at_a_time = FETCHING.lock().unwrap();
    let built = Path::new(KEPT).join("gcs-server");
    let source = Path::new(FOLDER).join("gcs");
    if !succeeds(Command::new("go").args(["build", "-o"]).arg(&built).arg(".").current_dir(source)) {
        super::skip("go and a module proxy are needed for a Google Cloud Storage server");
        return None;
    }
    Some(built)
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
