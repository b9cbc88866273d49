//! TLS: a certificate to be known by, and the certificates that clients are known by. rustls with ring.
//!
//! Without a client CA no certificate is asked for. With one, a client may show a certificate of that CA, and stands
//! for the entry that names one of its DNS names (subject alternative names; the common name is not looked at); where
//! there is no file of entries, each client must show one.
//!
//! The files are looked at each second, as the file of entries is; wrong ones change nothing and are said loudly.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use schema::Micros;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::{Access, AccessError, Grant};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where it all is: PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those between it and the root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who signs the certificates of clients.
    pub client_ca: Option<PathBuf>,
}

/// What connections are encrypted with. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<Held>);

struct Held {
    files: TlsFiles,
    /// Each client must show a certificate.
    required: bool,
    state: RwLock<State>,
}

struct State {
    bytes: Vec<Vec<u8>>,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// What these files hold; with a client CA and `access` open, each client must show a certificate.
    ///
    /// # Errors
    /// One cannot be read, or does not hold what it should.
    pub fn read(files: TlsFiles, access: &Access) -> Result<Self, AccessError> {
        let required = access.is_open() && files.client_ca.is_some();
        let bytes = files.bytes()?;
        let config = files.config(&bytes, required)?;
        Ok(Self(Arc::new(Held { files, required, state: RwLock::new(State { bytes, config }) })))
    }

    /// Whether nobody gets in without a certificate.
    #[must_use]
    pub fn asks_who(&self) -> bool {
        self.0.required
    }

    /// Agrees on keys with a client; also what its certificate grants, if it showed one that is known.
    ///
    /// # Errors
    /// The socket's, and whatever does not lead to an agreement within 10 s.
    pub async fn accept(
        &self,
        socket: TcpStream,
        access: &Access,
        now: Micros,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Grant>)> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.state.read().config));
        let stream = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await??;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let grant = shown.and_then(|certificate| access.certificate(&names(certificate), now).ok());
        Ok((stream, grant))
    }

    /// Looks at the files again; whether they changed anything.
    ///
    /// # Errors
    /// As [`read`](Self::read); what was in force stays.
    pub fn look(&self) -> Result<bool, AccessError> {
        let bytes = self.0.files.bytes()?;
        if bytes == self.0.state.read().bytes {
            return Ok(false);
        }
        let config = self.0.files.config(&bytes, self.0.required)?;
        *self.0.state.write() = State { bytes, config };
        Ok(true)
    }

    /// Looks at the files each second until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        let mut said = false;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let tls = self.clone();
            match tokio::task::spawn_blocking(move || tls.look()).await {
                Ok(Ok(changed)) => {
                    if changed {
                        tracing::info!(certificate = %self.0.files.certificate.display(), "certificate read again");
                    }
                    said = false;
                }
                // Files are replaced one after the other: between the two they do not match.
                Ok(Err(error)) if !said => {
                    tracing::error!(%error, "the certificate has NOT changed: what was read last stays in force");
                    said = true;
                }
                Ok(Err(_)) => {}
                Err(_) => return,
            }
        }
    }
}

impl TlsFiles {
    fn bytes(&self) -> Result<Vec<Vec<u8>>, AccessError> {
        let paths = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        paths.into_iter().flatten().map(|path| crate::file::bytes(path)).collect()
    }

    fn config(&self, bytes: &[Vec<u8>], required: bool) -> Result<Arc<ServerConfig>, AccessError> {
        let wrong = |path: &Path, problem: String| AccessError::Form { path: path.to_owned(), problem };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&self.certificate, error.to_string()))?;
        let builder = match (&self.client_ca, bytes.get(2)) {
            (Some(path), Some(bytes)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path, bytes)? {
                    roots.add(certificate).map_err(|error| wrong(path, error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(path, error.to_string()))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let chain = certificates(&self.certificate, &bytes[0])?;
        let key = PrivateKeyDer::from_pem_slice(&bytes[1])
            .map_err(|_| wrong(&self.key, "there is no private key in it (PEM)".into()))?;
        let config =
            builder.with_single_cert(chain, key).map_err(|error| wrong(&self.certificate, error.to_string()))?;
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, AccessError> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(AccessError::Form { path: path.to_owned(), problem: "there is no certificate in it (PEM)".into() }),
    }
}

/// The DNS names of a certificate that has been verified.
fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let read = webpki::EndEntityCert::try_from(certificate);
    read.map(|read| read.valid_dns_names().map(str::to_owned).collect()).unwrap_or_default()
}
