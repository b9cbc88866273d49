//! The doors of a process: who may come in where it listens, and where it may listen at all.
//!
//! What must hold: an address that others reach is listened on only where nobody can listen in and not everybody may,
//! or where `insecure` says in so many words that it is to be so.

use std::net::SocketAddr;
use std::path::PathBuf;

use access::{Access, Tls, TlsFiles};
use anyhow::{Result, anyhow};
use tokio_util::sync::CancellationToken;

use crate::advice::Advice;
use crate::config::{FilePath, Maybe, Settings};

/// Who may come in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    /// Who may send, and who may ask.
    pub(crate) access: Access,
    /// What all is encrypted with, if it is.
    pub(crate) tls: Option<Tls>,
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
        let path = |file: &Maybe<FilePath>| file.0.as_ref().map(|path| PathBuf::from(&path.0));
        let client_ca = path(&settings.tls_client_ca);
        let tls = match (path(&settings.tls_certificate), path(&settings.tls_key)) {
            (Some(certificate), Some(key)) => Some(Tls::read(TlsFiles { certificate, key, client_ca }, &access)?),
            (None, None) if client_ca.is_none() => None,
            _ => {
                let half = anyhow!("tls.certificate, tls.key and tls.client_ca are not all that is needed");
                return Err(half.advise("set tls.certificate and tls.key together; tls.client_ca needs both"));
            }
        };
        Ok(Self { access, tls, insecure: settings.insecure.0 })
    }

    /// Whether `address`, which `key` names, may be listened on.
    ///
    /// # Errors
    /// Others reach it, and not everything is asked for.
    pub(crate) fn may_listen(&self, key: &str, address: SocketAddr) -> Result<()> {
        let asks_who = !self.access.is_open() || self.tls.as_ref().is_some_and(Tls::asks_who);
        let (whoever, missing) = match &self.tls {
            _ if address.ip().is_loopback() || self.insecure => return Ok(()),
            Some(_) if asks_who => return Ok(()),
            None if asks_who => ("whoever is on the way could listen in", "tls.certificate is not set"),
            _ => ("whoever reaches this machine could send or ask", "access.file is not set"),
        };
        let refused = anyhow!("{key} = {address} is not this machine's own alone: {whoever}, as {missing}");
        Err(refused.advise("take 127.0.0.1, with a proxy before it that asks who it is; or say --insecure"))
    }

    /// Follows the changes of what was read, until `stop`.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        let tls = async {
            if let Some(tls) = self.tls {
                tls.follow(stop.clone()).await;
            }
        };
        tokio::join!(self.access.follow(stop.clone()), tls);
    }
}
