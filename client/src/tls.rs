//! What a connection to a monitor is: TCP, or TLS over it (rustls with ring).
//!
//! In: the files that say whom to trust and who we are. Out: a stream whose other end proved its name. Must hold:
//! nothing is sent before that; plain TCP stays the socket itself.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::ClientError;

/// Whom to trust, and who we are: PEM.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// Who signs the monitor's certificate; none is whom this system trusts.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key, where the monitor is to know us by them.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The name that the monitor's certificate must have; none is the host that is connected to.
    pub server_name: Option<String>,
}

/// What connections are encrypted with. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why two ends did not agree on TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The monitor's certificate is signed by nobody who is trusted.
    Issuer,
    /// It is for another name.
    Name,
    /// It is not valid yet, or no longer.
    Time,
    /// The monitor wants another certificate of ours, or one at all.
    Own,
    /// What answers does not speak TLS.
    Plain,
    /// What answers speaks TLS, and we did not.
    Encrypted,
    /// Whatever else it is.
    Other,
}

impl Tls {
    /// What these files hold, for connections to `peer`, a `host:port`.
    ///
    /// # Errors
    /// [`ClientError::Input`] for a file that cannot be read or does not hold what it should; [`ClientError::Option`]
    /// for a name that is none, and where this system trusts nobody.
    pub fn read(files: &TlsFiles, peer: &str) -> Result<Self, ClientError> {
        let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host).trim_matches(['[', ']']);
        let name = files.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name.clone())
            .map_err(|_| ClientError::option("server-name", name, "a DNS name or an address"))?;
        let roots = match &files.ca {
            Some(ca) => roots_of(ca)?,
            None => roots_of_system()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::option("tls", error, "TLS 1.2 or 1.3"))?
            .with_root_certificates(roots);
        let config = match &files.own {
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let held = PrivateKeyDer::from_pem_slice(&bytes(key)?)
                    .map_err(|_| wrong(key, "there is no private key in it (PEM)"))?;
                builder.with_client_auth_cert(chain, held).map_err(|error| wrong(certificate, error))?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

fn wrong(path: &Path, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
    ClientError::Input { path: path.to_owned(), source: io::Error::new(io::ErrorKind::InvalidData, why) }
}

fn bytes(path: &Path) -> Result<Vec<u8>, ClientError> {
    std::fs::read(path).map_err(|source| ClientError::Input { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    match CertificateDer::pem_slice_iter(&bytes(path)?).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong(path, "there is no certificate in it (PEM)")),
    }
}

fn roots_of(ca: &Path) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| wrong(ca, error))?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    // Some systems hold certificates that nobody can read: the others count.
    let (taken, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match taken {
        0 => Err(ClientError::option("ca", "unset", "a file, as this system names nobody it trusts")),
        _ => Ok(roots),
    }
}

/// Why TLS did not come about, if that is what this error says: to try again changes nothing.
pub(crate) fn fault(error: &io::Error) -> Option<TlsFault> {
    use rustls::Error;
    let error = error.get_ref()?;
    if error.is::<SpeaksTls>() {
        return Some(TlsFault::Encrypted);
    }
    let fault = match error.downcast_ref::<Error>()? {
        // One of the same name, and of another key, is another one.
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => TlsFault::Issuer,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => TlsFault::Name,
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => TlsFault::Time,
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => TlsFault::Own,
        Error::InvalidMessage(_) => TlsFault::Plain,
        _ => TlsFault::Other,
    };
    Some(fault)
}

/// What answers speaks TLS, and we did not.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it speaks TLS")]
struct SpeaksTls;

/// An error, if an answer in plain text is how TLS says that it was not spoken to.
pub(crate) fn refuse_alert(answer: &[u8]) -> io::Result<()> {
    const ALERT: &[u8] = &[0x15, 3];
    if answer.starts_with(ALERT) { Err(io::Error::other(SpeaksTls)) } else { Ok(()) }
}

/// A connection to a monitor.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects, and with `tls` agrees on keys.
    pub(crate) async fn connect(peer: &str, tls: Option<&Tls>) -> io::Result<Self> {
        let socket = TcpStream::connect(peer).await?;
        socket.set_nodelay(true)?;
        match tls {
            Some(tls) => Ok(Self::Tls(Box::new(tls.connector.connect(tls.name.clone(), socket).await?))),
            None => Ok(Self::Plain(socket)),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
