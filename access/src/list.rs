//! The list in force: who is known, and how a change of the file takes hold.
//!
//! The file is read once a second and compared with what was read before: any way of writing it will do, and nobody
//! needs to send a signal. A file that cannot be read, or is wrong, changes nothing and is said loudly, once and again
//! each minute, until it is right.
//!
//! What must hold: an entry that has not changed keeps its [`Grant`]; one that has, or is gone, ends it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use schema::{Micros, Secret};
use tokio_util::sync::CancellationToken;

use crate::file::{self, AccessError};
use crate::{Fingerprint, Grant, Scope};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a wrong file is said.
const SAY: Duration = Duration::from_secs(60);

/// Why somebody may not. Shown to whoever asked: it does not tell what would have been right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing was shown.
    Nothing,
    /// What was shown is not known, or not any more.
    Unknown,
    /// It is known, for something else.
    Scope(Scope),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("a token is needed here"),
            Self::Unknown => f.write_str("this token or certificate is not known, or not valid any more"),
            Self::Scope(scope) => write!(f, "this token or certificate is not for this: its scope lacks {scope}"),
        }
    }
}

/// Who may do what. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access(Option<Arc<Listed>>);

#[derive(Debug)]
struct Listed {
    path: PathBuf,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    /// As last read and understood.
    bytes: Vec<u8>,
    grants: Vec<Grant>,
}

impl Access {
    /// Everything is allowed to everybody.
    #[must_use]
    pub fn open() -> Self {
        Self(None)
    }

    /// What this file says.
    ///
    /// # Errors
    /// It cannot be read, or is wrong.
    pub fn read(path: PathBuf) -> Result<Self, AccessError> {
        let bytes = file::bytes(&path)?;
        let grants = file::entries(&path, &bytes)?.into_iter().map(Grant::of).collect();
        Ok(Self(Some(Arc::new(Listed { path, state: RwLock::new(State { bytes, grants }) }))))
    }

    /// Whether nobody need show anything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a certificate stands for an entry, so that who has one needs no token.
    #[must_use]
    pub fn knows_certificates(&self) -> bool {
        let some = |listed: &Listed| listed.state.read().grants.iter().any(|grant| grant.entry().certificate.is_some());
        self.0.as_deref().is_some_and(some)
    }

    /// What a token allows at `now`. All entries are compared, each in constant time.
    ///
    /// # Errors
    /// [`Denied::Unknown`].
    pub fn token(&self, token: &Secret, now: Micros) -> Result<Grant, Denied> {
        let shown = Fingerprint::of(token);
        let mut found = None;
        for grant in self.0.iter().flat_map(|listed| listed.state.read().grants.clone()) {
            if grant.entry().token.is_some_and(|token| token.same(&shown).into()) {
                found = Some(grant);
            }
        }
        found.filter(|grant| grant.counts(now)).ok_or(Denied::Unknown)
    }

    /// What a certificate with these names allows at `now`; it has been verified.
    ///
    /// # Errors
    /// [`Denied::Unknown`].
    pub fn certificate(&self, names: &[String], now: Micros) -> Result<Grant, Denied> {
        let known = |grant: &Grant| {
            let named = grant.entry().certificate.as_ref();
            grant.counts(now) && named.is_some_and(|named| names.iter().any(|name| name.eq_ignore_ascii_case(named)))
        };
        let state = self.0.as_deref().ok_or(Denied::Unknown)?.state.read();
        state.grants.iter().find(|grant| known(grant)).cloned().ok_or(Denied::Unknown)
    }

    /// Looks at the file again; whether it changed anything.
    ///
    /// # Errors
    /// It cannot be read, or is wrong; what was in force stays.
    pub fn look(&self) -> Result<bool, AccessError> {
        let Some(listed) = self.0.as_deref() else { return Ok(false) };
        let bytes = file::bytes(&listed.path)?;
        if bytes == listed.state.read().bytes {
            return Ok(false);
        }
        let entries = file::entries(&listed.path, &bytes)?;
        let mut state = listed.state.write();
        let before = std::mem::take(&mut state.grants);
        let kept = |entry: file::Entry| before.iter().find(|grant| *grant.entry() == entry).cloned();
        let grants: Vec<Grant> =
            entries.into_iter().map(|entry| kept(entry.clone()).unwrap_or_else(|| Grant::of(entry))).collect();
        let ended = before.iter().filter(|grant| !grants.iter().any(|now| now.entry() == grant.entry()));
        ended.for_each(Grant::end);
        *state = State { bytes, grants };
        Ok(true)
    }

    /// Looks at the file each second until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        let Some(listed) = self.0.clone() else { return };
        let mut said: Option<Instant> = None;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let access = self.clone();
            let Ok(looked) = tokio::task::spawn_blocking(move || access.look()).await else { return };
            match looked {
                Ok(changed) => {
                    if changed || said.is_some() {
                        let entries = listed.state.read().grants.len();
                        tracing::info!(file = %listed.path.display(), entries, "access read again");
                    }
                    said = None;
                }
                Err(error) if said.is_none_or(|said| said.elapsed() >= SAY) => {
                    tracing::error!(%error, "access has NOT changed: what was read last stays in force");
                    said = Some(Instant::now());
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
