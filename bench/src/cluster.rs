//! A real HDFS of one name node and one data node beside the benchmarks, as the tests have it (tests/hdfs/): Hadoop from
//! Maven, in a Java process of its own. One copy of each block, because everything shares these cores.

use crate::process;
use crate::workshop::Workshop;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A cluster. It goes down with the value.
pub(crate) struct Cluster {
    process: Child,
    /// At its end the cluster ends.
    _commands: ChildStdin,
    address: String,
}

impl Cluster {
    /// Starts one with an empty file system.
    pub(crate) fn start(workshop: &Workshop) -> Result<Self> {
        let sources = workshop.root().join("tests/hdfs");
        let class_path = class_path(workshop)?;
        let folder = workshop.fresh_folder("hdfs")?;
        let mut process = Command::new("java")
            .args(["-Xmx1g", "-XX:+UseSerialGC", "-cp"])
            .arg(format!("{}:{class_path}", sources.display()))
            .arg(sources.join("MiniCluster.java"))
            .arg(folder)
            .args(["1", "60000"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("java 17 runs the HDFS of these rows: apt-get install openjdk-17-jdk-headless")?;
        let commands = process.stdin.take().context("a piped standard input")?;
        let answers = BufReader::new(process.stdout.take().context("a piped standard output")?).lines();
        let port = answers.map_while(Result::ok).find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
        let port = port.context("the cluster ended before it was ready; run tests/hdfs/MiniCluster.java by hand")?;
        Ok(Self { process, _commands: commands, address: format!("hdfs://127.0.0.1:{port}") })
    }

    /// A folder in it, as a store's URL.
    pub(crate) fn url(&self, folder: &str) -> String {
        format!("{}/{folder}", self.address)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Hadoop's jars and what they need, from Maven once.
fn class_path(workshop: &Workshop) -> Result<String> {
    let kept: PathBuf = workshop.scratch("hdfs-class-path");
    if !kept.exists() {
        let mut maven = Command::new("mvn");
        maven
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(workshop.root().join("tests/hdfs/pom.xml"))
            .arg("dependency:build-classpath")
            .arg(format!("-Dmdep.outputFile={}", kept.display()));
        process::measure(&mut maven).context("Maven brings the HDFS of these rows: apt-get install maven")?;
    }
    let class_path = std::fs::read_to_string(&kept)?;
    ensure!(!class_path.is_empty(), "{} is empty: remove it", kept.display());
    Ok(class_path)
}
