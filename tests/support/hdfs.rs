//! A real HDFS for the tests: Hadoop's own MiniDFSCluster, in a Java process of its own (tests/hdfs/MiniCluster.java).
//!
//! Maven brings Hadoop once; the class path is then kept in Cargo's folder for test files. Every method is a fault.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/hdfs");

/// What Hadoop logs, in the cluster's folder; a test that fails prints its end.
const LOG: &str = "cluster.log";

/// How long a crashed writer keeps its lease unless somebody recovers it.
const SOFT_LIMIT: Duration = Duration::from_secs(60);

/// A cluster of one name node, or two that are one name service, and three data nodes. It goes down with the value, and with the test's process.
pub struct MiniCluster {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    port: u16,
    folder: tempfile::TempDir,
}

impl MiniCluster {
    /// Starts one; `None`, said visibly, where Java or Maven is missing.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with two name nodes, the first one active.
    pub fn start_highly_available() -> Option<Self> {
        Self::start_with(&["ha"])
    }

    /// Starts one that lets nobody in without Kerberos, and where nothing goes over the wire in plain text; `None`, said
    /// visibly, also where Kerberos' own tools are missing.
    pub fn start_with_kerberos() -> Option<Self> {
        if Command::new("kinit").arg("-V").stdin(Stdio::null()).output().is_err() {
            super::skip("kinit and libgssapi_krb5 (Debian: krb5-user) are needed for Kerberos");
            return None;
        }
        Self::start_with(&["kerberos"])
    }

    fn start_with(mode: &[&str]) -> Option<Self> {
        let class_path = class_path()?;
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("java")
            .args(["-Xmx512m", "-XX:+UseSerialGC", "-cp"])
            .arg(format!("{FOLDER}:{class_path}"))
            .arg(Path::new(FOLDER).join("MiniCluster.java"))
            .arg(folder.path())
            .args(["3", &SOFT_LIMIT.as_millis().to_string()])
            .args(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join(LOG)).unwrap())
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = answers.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix("ready ")?.parse().ok());
        let port = ready.expect("the cluster tells its port; run it by hand to see why not");
        Some(Self { process, commands, answers, port, folder })
    }

    /// A folder in it, as a store's URL.
    pub fn url(&self, folder: &str) -> String {
        format!("hdfs://127.0.0.1:{}/{folder}", self.port)
    }

    /// Where its name node listens.
    pub fn name_node(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// What a client is configured with: HADOOP_CONF_DIR.
    pub fn client_configuration(&self) -> PathBuf {
        self.folder.path().join("conf")
    }

    /// The keytab of `hourglass@EXAMPLE.COM`.
    pub fn keytab(&self) -> PathBuf {
        self.client_configuration().join("hourglass.keytab")
    }

    /// What the environment says to a process that is to use it with Kerberos: who has no ticket yet. Tickets that the
    /// process takes from a keytab are kept for the next one with the same name.
    pub fn environment(&self, name: &str) -> Vec<(&'static str, String)> {
        let configuration = self.client_configuration();
        let tickets = self.folder.path().join(format!("tickets-{name}"));
        vec![
            ("KRB5_CONFIG", configuration.join("krb5.conf").display().to_string()),
            ("KRB5CCNAME", format!("FILE:{}", tickets.display())),
            ("HADOOP_CONF_DIR", configuration.display().to_string()),
        ]
    }

    /// The same with a ticket, got as people get one.
    pub fn environment_after_kinit(&self, name: &str) -> Vec<(&'static str, String)> {
        let environment = self.environment(name);
        let mut kinit = Command::new("kinit");
        kinit.envs(environment.iter().cloned()).args(["-k", "-t"]).arg(self.keytab()).arg("hourglass@EXAMPLE.COM");
        assert!(kinit.status().unwrap().success());
        environment
    }

    /// The active name node steps back, the other takes over.
    pub fn fail_over(&mut self) {
        self.obey("fail-over");
    }

    /// The active name node is gone for good, the other takes over.
    pub fn lose_active_name_node(&mut self) {
        self.obey("lose-active");
    }

    /// The name node goes down, at once, and comes up again.
    pub fn restart_name_node(&mut self) {
        self.obey("restart-name-node");
    }

    /// The name node goes down.
    pub fn stop_name_node(&mut self) {
        self.obey("stop-name-node");
    }

    /// The name node comes up again, where it was.
    pub fn start_name_node(&mut self) {
        self.obey("start-name-node");
    }

    /// The data node of this index goes down.
    pub fn stop_data_node(&mut self, index: usize) {
        self.obey(&format!("stop-data-node {index}"));
    }

    /// The same, and the name node has noticed.
    pub fn lose_data_node(&mut self, index: usize) {
        self.obey(&format!("lose-data-node {index}"));
    }

    /// All data nodes that were stopped come up again.
    pub fn start_data_nodes(&mut self) {
        self.obey("start-data-nodes");
    }

    /// From now on a crashed writer's lease may be taken after this time.
    pub fn set_lease_limit(&mut self, limit: Duration) {
        self.obey(&format!("lease-limit {}", limit.as_millis()));
    }

    /// Limits the bytes below a folder, all copies counted; `None` lifts the limit.
    pub fn set_space_quota(&mut self, folder: &str, bytes: Option<u64>) {
        let bytes = bytes.map_or("none".to_owned(), |bytes| bytes.to_string());
        self.obey(&format!("space-quota /{folder} {bytes}"));
    }

    /// Makes a folder that is erasure-coded by this policy.
    pub fn erasure_code(&mut self, folder: &str, policy: &str) {
        self.obey(&format!("erasure-code /{folder} {policy}"));
    }

    /// From now on every data node takes so many bytes a second; `None` as many as it can.
    pub fn throttle_data_nodes(&mut self, bytes: Option<u64>) {
        self.obey(&format!("throttle-data-nodes {}", bytes.unwrap_or(0)));
    }

    /// Every file below a folder, by its path in it.
    pub fn files_below(&mut self, folder: &str) -> Vec<String> {
        let told = self.obey(&format!("list /{folder}"));
        let inside = format!("/{folder}/");
        told.iter().map(|file| file.strip_prefix(&inside).unwrap().to_owned()).collect()
    }

    /// Returns what it tells before it is done.
    fn obey(&mut self, command: &str) -> Vec<String> {
        writeln!(self.commands, "{command}").unwrap();
        let mut told = Vec::new();
        for line in self.answers.by_ref().map_while(Result::ok) {
            assert!(!line.starts_with("failed "), "{command}: {line}");
            if line == "done" {
                return told;
            }
            // Hadoop itself sometimes prints between the answers.
            told.extend(line.strip_prefix("told ").map(str::to_owned));
        }
        panic!("no answer to {command}");
    }
}

impl Drop for MiniCluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the cluster's log ends:\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

/// How a call of this name begins on the wire to the name node, for a [`Proxy`](super::proxy::Proxy) to find it.
pub fn call(name: &str) -> String {
    format!("\n{}{name}", char::from(u8::try_from(name.len()).unwrap()))
}

/// Hadoop's jars and what they need, from Maven once.
fn class_path() -> Option<String> {
    let pom = Path::new(FOLDER).join("pom.xml");
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hdfs-class-path");
    let newer = |a: &Path, b: &Path| Some(a.metadata().ok()?.modified().ok()? > b.metadata().ok()?.modified().ok()?);
    if newer(&kept, &pom) != Some(true) {
        let maven = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(&pom)
            .arg("dependency:build-classpath")
            .arg(format!("-Dmdep.outputFile={}", kept.display()))
            .status();
        if !maven.is_ok_and(|status| status.success()) {
            super::skip("java 17, mvn and a package index are needed for a real HDFS");
            return None;
        }
        // Maven leaves alone what would not change.
        File::options().append(true).open(&kept).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    }
    Some(std::fs::read_to_string(kept).unwrap())
}
