//! The doors of a process: who may come in where it listens, and where it may listen at all.
//!
//! What must hold: an address that others reach is listened on only where nobody can listen in and not everybody may,
//! or where `insecure` says in so many words that it is to be so.

use std::net::SocketAddr;
use std::path::PathBuf;

use access::Access;
use anyhow::{Result, anyhow};
use tokio_util::sync::CancellationToken;

use crate::advice::Advice;
use crate::config::Settings;

/// Who may come in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    /// Who may send, and who may ask.
    pub(crate) access: Access,
    insecure: bool,
}

impl Doors {
    /// As the settings have it.
    ///
    /// # Errors
    /// A file that cannot be read, or is wrong.
    pub(crate) fn of(settings: &Settings) -> Result<Self> {
        let access = match &settings.access_file.0 {
            Some(path) => Access::read(PathBuf::from(&path.0))
                .advise("`hourglass token new --name NAME --scope ingest,read` prints an entry as it must be")?,
            None => Access::open(),
        };
        Ok(Self { access, insecure: settings.insecure.0 })
    }

    /// Whether `address`, which `key` names, may be listened on.
    ///
    /// # Errors
    /// Others reach it, and not everything is asked for.
    pub(crate) fn may_listen(&self, key: &str, address: SocketAddr) -> Result<()> {
        if address.ip().is_loopback() || self.insecure {
            return Ok(());
        }
        let (whoever, missing) = match self.access.is_open() {
            true => ("whoever reaches this machine could send or ask", "access.file is not set"),
            false => ("whoever is on the way could listen in", "there is no certificate"),
        };
        let refused = anyhow!("{key} = {address} is not this machine's own alone: {whoever}, as {missing}");
        Err(refused.advise("take 127.0.0.1, with a proxy before it that asks who it is; or say --insecure"))
    }

    /// Follows the changes of what was read, until `stop`.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        self.access.follow(stop).await;
    }
}
