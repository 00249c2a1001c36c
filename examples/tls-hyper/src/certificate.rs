//! The server's certificate, which is reloaded when its files change.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use http_guard::pem::to_strict;
use http_guard::{HealthError, Supervisor, log_text};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

type BoxError = Box<dyn Error + Send + Sync>;

/// The modification times of the chain and the key.
type Version = [SystemTime; 2];

/// A certificate chain and its key.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    interval: Duration,
    current: RwLock<(Version, Arc<ServerConfig>)>,
    supervisor: Supervisor,
}

impl Certificate {
    /// Loads the files, which [`Self::reload_on_change`] polls at this interval.
    pub(crate) fn load(chain: PathBuf, key: PathBuf, interval: Duration) -> Result<Self, BoxError> {
        let current = read(&chain, &key, None)?.ok_or("no certificate")?;
        let supervisor = Supervisor::new("certificate").with_interval(interval);
        supervisor.record::<_, BoxError>(&Ok(()), Instant::now());
        Ok(Self { chain, key, interval, current: RwLock::new(current), supervisor })
    }

    /// Checks that the files are polled and valid.
    pub(crate) fn health(&self) -> Result<(), HealthError> {
        self.supervisor.health()
    }

    /// Returns an acceptor with the current certificate.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current.1))
    }

    /// Polls the files forever. Invalid files do not replace the certificate.
    pub(crate) async fn reload_on_change(self: Arc<Self>) {
        // If this task ends, the health says so.
        let _running = self.supervisor.start();
        loop {
            tokio::time::sleep(self.interval).await;
            self.supervisor.run_iteration(|| {
                let start = Instant::now();
                let reloaded = self.reload();
                match &reloaded {
                    Ok(false) => {}
                    Ok(true) => tracing::info!("certificate loaded"),
                    // This includes the time when only one of the two files is new.
                    Err(error) => {
                        let error = log_text(error);
                        tracing::warn!(error, "invalid certificate, keeping the last one");
                    }
                }
                self.supervisor.record(&reloaded, start);
            });
        }
    }

    fn reload(&self) -> Result<bool, BoxError> {
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).0;
        let Some(changed) = read(&self.chain, &self.key, Some(known))? else { return Ok(false) };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = changed;
        Ok(true)
    }
}

/// Returns the modification time of a regular file. Opening a pipe would wait for its writer.
fn modified(path: &Path) -> io::Result<SystemTime> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    metadata.modified()
}

/// Reads the files, unless they have the known version.
fn read(
    chain: &PathBuf,
    key: &PathBuf,
    known: Option<Version>,
) -> Result<Option<(Version, Arc<ServerConfig>)>, BoxError> {
    let version = [modified(chain)?, modified(key)?];
    if known == Some(version) {
        return Ok(None);
    }
    let chain = to_strict(&fs::read(chain)?);
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&to_strict(&fs::read(key)?))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some((version, Arc::new(config))))
}
