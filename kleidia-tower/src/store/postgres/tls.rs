//! TLS to the database.

use std::sync::Arc;

use http_guard::pem::to_strict;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::OpenError;

/// Returns the connector, which verifies the server's certificate and name.
///
/// # Errors
/// [`OpenError::RootCertificates`].
pub(super) fn connector(pem: Option<&[u8]>) -> Result<MakeRustlsConnect, OpenError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Database(error.into()))?
        .with_root_certificates(roots(pem)?)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Returns these certificates, or those of the operating system.
fn roots(pem: Option<&[u8]>) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    let Some(pem) = pem else {
        // Without any certificate, connections with TLS fail, and others don't need one.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(&to_strict(pem)) {
        let certificate = certificate.map_err(|error| OpenError::RootCertificates(error.into()))?;
        roots.add(certificate).map_err(|error| OpenError::RootCertificates(error.into()))?;
    }
    if roots.is_empty() {
        return Err(OpenError::RootCertificates("no certificate in the text".into()));
    }
    Ok(roots)
}

/// Requires TLS, unless the server is on this machine or the URL says `sslmode=disable`: `prefer`,
/// the default of PostgreSQL, would let an attacker on the network path disable TLS.
pub(super) fn require_tls(config: &mut Config) {
    let is_local = config.get_hosts().iter().all(is_local)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
    if config.get_ssl_mode() == SslMode::Prefer && !is_local {
        config.ssl_mode(SslMode::Require);
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}
