//! Certificate and key, read again when they change.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::http::TlsFiles;
use crate::error::Explain;

/// What TLS connections are served with.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files; the server does not start with ones it cannot use.
    pub(super) fn load(files: &TlsFiles) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(read(files)?);
        Ok(Arc::new(Self { files: files.clone(), current }))
    }

    /// For connections from now on.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Reads the files again. Where they cannot be used the old ones stay, and the log says so.
    pub(super) fn reload(&self) {
        match read(&self.files) {
            Ok(config) => {
                self.current.store(Arc::new(config));
                tracing::info!(target: "m4::http", "read the certificate again");
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::error!(target: "m4::http", %error, cause, "the certificate stays the old one");
            }
        }
    }

    /// Watches the files for as long as this runs: renewed certificates count without a restart.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut seen = self.stamps();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = self.stamps();
            if now != seen {
                seen = now;
                self.reload();
            }
        }
    }

    fn stamps(&self) -> [Option<(SystemTime, u64)>; 2] {
        let stamp = |path: &Path| {
            std::fs::metadata(path).ok().and_then(|meta: Metadata| Some((meta.modified().ok()?, meta.len())))
        };
        [stamp(&self.files.cert), stamp(&self.files.key)]
    }
}

/// Two calls of `stat` each time.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let pem = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.clone(), source })
    };
    let certificate = pem(&files.cert)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or_else(|| TlsError::NoCertificate(files.cert.clone()))?;
    let key =
        PrivateKeyDer::from_pem_slice(&pem(&files.key)?).map_err(|_| TlsError::NoKey(files.key.clone()))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let mut config = builder
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|source| TlsError::Unusable { path: files.cert.clone(), source })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate in the file.
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// No private key in the file.
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    /// They do not go together, or are of a kind that is not supported.
    #[error("the certificate in {} cannot be used with its key", .path.display())]
    Unusable {
        /// The file of the certificate.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl Explain for TlsError {
    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Unreadable { .. } => "correct --tls-cert or --tls-key, or let this user read the file",
                Self::NoCertificate(_) => {
                    "--tls-cert takes a PEM file that begins with -----BEGIN CERTIFICATE-----"
                }
                Self::NoKey(_) => "--tls-key takes a PEM file that begins with -----BEGIN PRIVATE KEY-----",
                Self::Unusable { .. } => {
                    "the first certificate must be the server's own, and the key must be that certificate's"
                }
            }
            .to_owned(),
        )
    }
}
