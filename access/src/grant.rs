//! Grants: what somebody may do who has shown a token or a certificate.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schema::{ClientId, Micros};

use crate::file::Entry;

/// A thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Send messages.
    Ingest,
    /// Ask what was sent.
    Read,
}

/// What somebody may do. Cheap to clone; asks the file's present state, so it ends when its entry goes or changes.
#[derive(Clone, Debug)]
pub struct Grant(Arc<Granted>);

#[derive(Debug)]
struct Granted {
    entry: Entry,
    ended: AtomicBool,
}

impl Grant {
    pub(crate) fn of(entry: Entry) -> Self {
        Self(Arc::new(Granted { entry, ended: AtomicBool::new(false) }))
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.0.entry
    }

    /// Its entry is not in the file any more.
    pub(crate) fn end(&self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }

    /// The entry's name, for people; no secret.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.entry.name
    }

    /// Whether it counts at `now`.
    #[must_use]
    pub fn counts(&self, now: Micros) -> bool {
        !self.0.ended.load(Ordering::Relaxed) && self.0.entry.expires.is_none_or(|expires| now < expires)
    }

    /// Whether this may be done with it.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.0.entry.scope.contains(&scope)
    }

    /// Whether it reaches all services.
    #[must_use]
    pub fn all_services(&self) -> bool {
        self.0.entry.services.iter().any(crate::Pattern::is_all)
    }

    /// Whether it reaches this service.
    #[must_use]
    pub fn reaches(&self, service: &str) -> bool {
        self.0.entry.services.iter().any(|pattern| pattern.matches(service))
    }

    /// The client that `id` is of all that show this. Nobody can be the client of another, or of somebody who shows
    /// nothing.
    ///
    /// # Errors
    /// What is too long for an id.
    pub fn client(&self, id: &ClientId) -> Result<ClientId, schema::Error> {
        ClientId::scoped(self.name(), id.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ingest" => Ok(Self::Ingest),
            "read" => Ok(Self::Read),
            _ => Err(format!("{text:?} is no scope: ingest or read")),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
        })
    }
}
