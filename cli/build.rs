//! Tells the binary which commit it was built from: `HOURGLASS_COMMIT` at compile time, for `--version`.
//! Without git, or outside a repository (a source archive), it stays quietly empty.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    if commit.is_some() {
        // HEAD's log changes with each commit and each checkout; a missing file would rebuild every time.
        for name in ["HEAD", "logs/HEAD"] {
            if let Some(path) = git(&["rev-parse", "--git-path", name]).map(PathBuf::from)
                && path.exists()
            {
                println!("cargo:rerun-if-changed={}", path.display());
            }
        }
    }
    println!("cargo:rustc-env=HOURGLASS_COMMIT={}", commit.unwrap_or_default());
}

/// The output of a git command, trimmed; `None` where git is missing, fails or says nothing.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
