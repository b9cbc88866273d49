//! Where the benchmarks work: the release binary, a scratch folder under `target/`, and the peers' virtual
//! environment. Everything is made on demand and kept for the next run, save the data folders.

use crate::process::{self, Finished};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The places and settings that every row shares.
pub(crate) struct Workshop {
    /// Counted runs of each command.
    pub(crate) runs: usize,
    /// Amounts of data are divided by this; 1 for the published table.
    pub(crate) scale: u64,
    root: PathBuf,
    target: PathBuf,
}

impl Workshop {
    /// Builds the release binary and makes the scratch folder.
    pub(crate) fn open(runs: usize, scale: u64) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let this = std::env::current_exe()?;
        let target = this.parent().and_then(Path::parent).context("the benchmark lies outside a target folder")?;
        let cargo =
            Command::new(env!("CARGO")).args(["build", "--release", "-p", "hourglass"]).current_dir(&root).status()?;
        ensure!(cargo.success(), "cargo build --release failed: mend that first");
        let workshop = Self { runs, scale, root, target: target.to_path_buf() };
        std::fs::create_dir_all(workshop.scratch(""))?;
        Ok(workshop)
    }

    /// The hourglass binary just built.
    pub(crate) fn hourglass(&self) -> Command {
        let mut command = Command::new(self.target.join("release/hourglass"));
        // Only who asks for it serves HTTP, and takes a port for it.
        command.env("HOURGLASS_HTTP_ADDRESS", "off");
        command
    }

    /// This program again, for its hidden parts.
    pub(crate) fn part(&self, name: &str) -> Command {
        let mut command = Command::new(self.target.join("release/hourglass-bench"));
        command.arg(name);
        command
    }

    /// The repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path in the scratch folder.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target.join("bench-scratch").join(name)
    }

    /// A data folder of that name, emptied.
    pub(crate) fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A peer's script, run by a Python that has this package.
    pub(crate) fn peer(&self, script: &str, package: &str) -> Result<Command> {
        let venv = self.target.join("bench-venv");
        let (python, ready) = (venv.join("bin/python"), venv.join(format!("ready-{package}")));
        if !ready.exists() {
            eprintln!("installing a peer ({package}) into {}", venv.display());
            run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
            run_quietly(Command::new(&python).args(["-m", "pip", "install", "-q", package]))?;
            std::fs::write(ready, "")?;
        }
        let mut command = Command::new(python);
        command.arg(self.root.join("bench/peers").join(script));
        Ok(command)
    }

    /// Runs a command that must succeed and says how long it took and how much memory it held.
    pub(crate) fn measure(&self, command: &mut Command) -> Result<Finished> {
        process::measure(command)
    }
}

fn run_quietly(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
