//! The file of tokens and certificates.
//!
//! # Format
//! TOML; one table an entry, in any order, of at most a MiB:
//! ```toml
//! [[access]]
//! name = "billing"              # 1 to 32 ASCII letters, digits, '-', '_', '.'; each once
//! token = "ba7816bf…"           # the token's SHA-256, as `hourglass token new` prints it
//! scope = ["ingest", "read"]    # one or both
//! services = ["checkout", "pay-*"]         # left out: all
//! expires = "2027-01-01T00:00:00Z"         # left out: never
//!
//! [[access]]
//! name = "dashboards"
//! certificate = "grafana.example.org"      # a DNS name in the client certificate
//! scope = ["read"]
//! ```
//! Each entry has a `token`, a `certificate`, or both. Unknown keys are refused.

use std::io;
use std::path::{Path, PathBuf};

use schema::Micros;
use serde::Deserialize;

use crate::{Fingerprint, Pattern, Scope};

/// The most a file may hold.
const MOST: u64 = 1 << 20;

/// Why a file does not say who may do what.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not of the form.
    #[error("{}: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) token: Option<Fingerprint>,
    pub(crate) certificate: Option<String>,
    pub(crate) scope: Vec<Scope>,
    pub(crate) services: Vec<Pattern>,
    pub(crate) expires: Option<Micros>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    access: Vec<EntryForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryForm {
    name: String,
    token: Option<String>,
    certificate: Option<String>,
    scope: Vec<String>,
    services: Option<Vec<String>>,
    expires: Option<String>,
}

/// The file's bytes.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, AccessError> {
    let failed = |source| AccessError::Read { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MOST {
        return Err(AccessError::Form { path: path.to_owned(), problem: format!("{length} bytes, of {MOST} allowed") });
    }
    std::fs::read(path).map_err(failed)
}

/// Says whether a text could stand in the file.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), String> {
    match entries(Path::new("the entry"), text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(AccessError::Form { problem, .. }) => Err(problem),
        Err(error) => Err(error.to_string()),
    }
}

/// What they say.
pub(crate) fn entries(path: &Path, bytes: &[u8]) -> Result<Vec<Entry>, AccessError> {
    let wrong = |problem| AccessError::Form { path: path.to_owned(), problem };
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    // Only the message: the error's own text shows the line, and with it what may be a token written there by mistake.
    let form: FileForm = toml::from_str(text).map_err(|error| wrong(place(text, &error)))?;
    let mut entries = Vec::<Entry>::new();
    for form in form.access {
        // What is no name is not shown: it may be a token, too.
        let name = if plain_name(&form.name) { form.name.clone() } else { format!("number {}", entries.len() + 1) };
        let entry = form.read().map_err(|problem| wrong(format!("the entry {name:?}: {problem}")))?;
        let same = |other: &Entry| {
            other.name == entry.name
                || entry.token.is_some() && other.token == entry.token
                || entry.certificate.is_some() && other.certificate == entry.certificate
        };
        if entries.iter().any(same) {
            return Err(wrong(format!("the entry {name:?}: its name, token or certificate is there before it")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

fn place(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("line {line}: {}", error.message())
}

impl EntryForm {
    fn read(self) -> Result<Entry, String> {
        if !plain_name(&self.name) {
            return Err("its name must be 1 to 32 ASCII letters, digits, '-', '_' and '.'".into());
        }
        if self.token.is_none() && self.certificate.is_none() {
            return Err("it needs a token or a certificate".into());
        }
        if self.scope.is_empty() {
            return Err("its scope is empty: ingest, read, or both".into());
        }
        let token = self.token.map(|text| text.parse()).transpose();
        let services = self.services.unwrap_or_else(|| vec!["*".into()]);
        let expires = self.expires.map(|text| text.parse::<Micros>()).transpose();
        Ok(Entry {
            name: self.name,
            token: token.map_err(|problem| format!("its token: {problem}"))?,
            certificate: self.certificate.map(|name| name.to_ascii_lowercase()),
            scope: self.scope.iter().map(|text| text.parse()).collect::<Result<_, String>>()?,
            services: services.iter().map(|text| text.parse()).collect::<Result<_, String>>()?,
            expires: expires.map_err(|error| format!("expires: {error}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WRITTEN: &str = r#"
[[access]]
name = "billing"
token = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
scope = ["ingest", "read"]
services = ["checkout", "pay-*"]
expires = "2027-01-01T00:00:00Z"

[[access]]
name = "dashboards"
certificate = "grafana.example.org"
scope = ["read"]
"#;

    proptest! {
        #[test]
        fn a_damaged_file_is_entries_that_are_whole_or_refused_by_name(
            any in damage::bytes(), damage in damage::damage(),
        ) {
            for bytes in [WRITTEN.as_bytes().to_vec(), damage.to(WRITTEN.as_bytes()), any] {
                match entries(Path::new("access.toml"), &bytes) {
                    Ok(entries) => for entry in &entries {
                        prop_assert!(entry.token.is_some() || entry.certificate.is_some());
                        prop_assert!(!entry.scope.is_empty());
                        prop_assert_eq!(entries.iter().filter(|other| other.name == entry.name).count(), 1);
                    },
                    Err(error) => {
                        prop_assert!(error.to_string().starts_with("access.toml: "), "{}", error);
                        let shown = error.to_string();
                        let secret = shown.contains("ba7816bf8f01cfea414140de5dae2223b") && !shown.contains("unknown field");
                        prop_assert!(!secret, "no log shows what may be a token: {}", shown);
                    }
                }
            }
        }
    }
}
