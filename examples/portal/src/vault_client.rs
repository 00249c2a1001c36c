//! The client of Vault or OpenBao, with the certificates that its variables name.

use std::error::Error;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{env, fs};

use http_guard::pem::to_strict;
use reqwest::{Certificate, Identity};
use rustify::clients::reqwest::Client as HttpClient;
use url::{Host, Url};
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use zeroize::Zeroizing;

use crate::BoxError;

const AUTHORITIES_FILE: &str = "VAULT_CACERT";
const AUTHORITIES_DIRECTORY: &str = "VAULT_CAPATH";
const CLIENT_CERTIFICATE: &str = "VAULT_CLIENT_CERT";
const CLIENT_KEY: &str = "VAULT_CLIENT_KEY";

/// The files that the variables of Vault name.
///
/// vaultrs would read them itself, but ignores a file without certificates, and a certificate of the
/// client that it cannot read.
#[derive(Debug, Default)]
pub(crate) struct TlsFiles {
    /// Certificates to trust in addition to those of the system.
    authorities: Option<PathBuf>,
    /// A directory of such files.
    authorities_directory: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// Returns a client that sends this token.
pub(crate) fn new(url: &Url, token: &str, files: &TlsFiles) -> Result<VaultClient, BoxError> {
    let http = match url.scheme() {
        "https" => files.client()?,
        // The certificates of the system would be read in vain.
        "http" if is_local(url) => reqwest::Client::builder().tls_certs_only([]).build()?,
        _ => {
            return Err(
                format!("--vault {url}: expected https://..., since keys are secret").into()
            );
        }
    };
    let mut settings = VaultClientSettingsBuilder::default();
    // Unless they are set, vaultrs reads the variables. It verifies no certificate if
    // VAULT_SKIP_VERIFY is set, even to nothing.
    let settings = settings.address(url).token(token).ca_certs(Vec::new()).identity(None);
    let settings = settings.verify(true).build().map_err(|error| format!("--vault: {error}"))?;
    let version = format!("v{}", settings.version);
    let middle =
        EndpointMiddleware { token: settings.token.clone(), version, wrap: None, namespace: None };
    Ok(VaultClient { http: HttpClient::new(url.as_str(), http), middle, settings })
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl TlsFiles {
    pub(crate) fn from_environment() -> Self {
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            authorities: path(AUTHORITIES_FILE),
            authorities_directory: path(AUTHORITIES_DIRECTORY),
            certificate: path(CLIENT_CERTIFICATE),
            key: path(CLIENT_KEY),
        }
    }

    fn client(&self) -> Result<reqwest::Client, BoxError> {
        let mut client = reqwest::Client::builder().tls_backend_rustls();
        client = client.tls_certs_merge(self.authorities()?);
        if let Some(identity) = self.identity()? {
            client = client.identity(identity);
        }
        client.build().map_err(|error| format!("--vault: {}", cause(&error)).into())
    }

    fn authorities(&self) -> Result<Vec<Certificate>, BoxError> {
        let mut certificates = Vec::new();
        if let Some(path) = &self.authorities {
            certificates.extend(read_certificates(AUTHORITIES_FILE, path)?);
        }
        let Some(directory) = &self.authorities_directory else { return Ok(certificates) };
        let invalid = |error| invalid(AUTHORITIES_DIRECTORY, directory, error);
        let mut is_empty = true;
        for entry in fs::read_dir(directory).map_err(invalid)? {
            let path = entry.map_err(invalid)?.path();
            // Kubernetes keeps the versions of a mounted directory in it.
            if !path.is_dir() {
                certificates.extend(read_certificates(AUTHORITIES_DIRECTORY, &path)?);
                is_empty = false;
            }
        }
        if is_empty {
            return Err(
                format!("{AUTHORITIES_DIRECTORY}: {}: no files", directory.display()).into()
            );
        }
        Ok(certificates)
    }

    fn identity(&self) -> Result<Option<Identity>, BoxError> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return Ok(None),
            _ => {
                return Err(format!("{CLIENT_CERTIFICATE} and {CLIENT_KEY} need each other").into());
            }
        };
        let chain = read_pem(CLIENT_CERTIFICATE, certificate)?;
        let key = read_pem(CLIENT_KEY, key)?;
        let both = Zeroizing::new([chain.as_slice(), key.as_slice()].concat());
        let invalid = |error| format!("{CLIENT_CERTIFICATE} and {CLIENT_KEY}: {}", cause(&error));
        Ok(Some(Identity::from_pem(&both).map_err(invalid)?))
    }
}

fn read_certificates(variable: &str, path: &Path) -> Result<Vec<Certificate>, BoxError> {
    let certificates = Certificate::from_pem_bundle(&read_pem(variable, path)?);
    let certificates = certificates.map_err(|error| invalid(variable, path, cause(&error)))?;
    if certificates.is_empty() {
        return Err(invalid(variable, path, "no certificate"));
    }
    Ok(certificates)
}

fn read_pem(variable: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, BoxError> {
    let text = fs::read(path).map(Zeroizing::new);
    text.map(|text| to_strict(&text)).map_err(|error| invalid(variable, path, error))
}

fn invalid(variable: &str, path: &Path, error: impl Display) -> BoxError {
    format!("{variable}: {}: {error}", path.display()).into()
}

/// Returns the last source of an error: that of reqwest names the operation only.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const NAME: &str =
        "vault_client::tests::certificates_are_verified_whatever_the_environment_says";
    const VARIABLE: &str = "VAULT_SKIP_VERIFY";

    /// Self-signed.
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUC+c4ufyDwvBgx2DGwOHANYbeNfswCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTMwMDI0NzQ2WhgPMjEy
NjExMDYwMjQ3NDZaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEze1/QkRhng5BbHiXoFrfQt0yxGRhQuf6YrBXQoGB
FTKD2idSqI7kOHu38FJNlAXTpACNsXE7AWlTMjqJpu/GtaNTMFEwHQYDVR0OBBYE
FLNqWb207OeMyamKcyoCYLkJQLjHMB8GA1UdIwQYMBaAFLNqWb207OeMyamKcyoC
YLkJQLjHMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAN9LpOaO
s4xb1wzO6AFL5LKSb8RonJPL1/lRu0/2gv5aAiB8nVFWTyhDS5CSGmD4Yu2VMAKL
bL4N3RS0joX1VEeiyw==
-----END CERTIFICATE-----
";

    /// Vault's variables, with these files in a directory.
    fn files(directory: &Path, texts: &[(&str, &str)]) -> TlsFiles {
        for (name, text) in texts {
            fs::write(directory.join(name), text).unwrap();
        }
        TlsFiles { authorities: Some(directory.join("ca.pem")), ..TlsFiles::default() }
    }

    fn vault(files: &TlsFiles) -> Result<VaultClient, BoxError> {
        new(&"https://vault.example.com".parse().unwrap(), "token", files)
    }

    #[test]
    fn certificates_are_verified_whatever_the_environment_says() {
        let client = vault(&TlsFiles::default()).unwrap();
        assert!(client.settings.verify);
        if env::var_os(VARIABLE).is_some() {
            return;
        }
        for value in ["", "false", "true", "1"] {
            let mut test = Command::new(env::current_exe().unwrap());
            let output = test.args([NAME, "--exact"]).env(VARIABLE, value).output().unwrap();
            let stdout = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && stdout.contains("1 passed"), "{value:?}: {stdout}");
        }
    }

    #[test]
    fn reads_certificates_as_editors_write_them() {
        let directory = tempfile::tempdir().unwrap();
        let indented = CERTIFICATE.replace('\n', "\r\n  ");
        let one_line: String = CERTIFICATE.lines().filter(|line| !line.contains('-')).collect();
        let one_line =
            format!("-----BEGIN CERTIFICATE-----\n{one_line}\n-----END CERTIFICATE-----");
        for text in [CERTIFICATE, &format!("\u{feff}Our authority\n\n  {indented}"), &one_line] {
            let files = files(directory.path(), &[("ca.pem", text)]);
            assert_eq!(files.authorities().unwrap().len(), 1, "{text}");
            vault(&files).unwrap();
        }
        let both = files(directory.path(), &[("ca.pem", &[CERTIFICATE, CERTIFICATE].join("\n"))]);
        assert_eq!(both.authorities().unwrap().len(), 2);
        fs::create_dir(directory.path().join("..data")).unwrap();
        let in_directory = TlsFiles {
            authorities_directory: Some(directory.path().to_owned()),
            ..TlsFiles::default()
        };
        assert_eq!(in_directory.authorities().unwrap().len(), 2);
    }

    #[test]
    fn rejects_files_without_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let encoded = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        for (text, expected) in [
            ("", "ca.pem: no certificate"),
            ("vault.example.com", "ca.pem: no certificate"),
            (&CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY"), "ca.pem: no certificate"),
            (encoded, "--vault: "),
        ] {
            let files = files(directory.path(), &[("ca.pem", text)]);
            let error = vault(&files).map(drop).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        let empty = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(empty.path().join(name));
        for (files, expected) in [
            (TlsFiles { authorities: path("none"), ..TlsFiles::default() }, "VAULT_CACERT: "),
            (TlsFiles { authorities_directory: path(""), ..TlsFiles::default() }, ": no files"),
            (TlsFiles { authorities_directory: path("none"), ..TlsFiles::default() }, "CAPATH: "),
            (TlsFiles { certificate: path("none"), ..TlsFiles::default() }, "need each other"),
            (TlsFiles { key: path("none"), ..TlsFiles::default() }, "need each other"),
            (
                TlsFiles { certificate: path("none"), key: path("none"), ..TlsFiles::default() },
                "VAULT_CLIENT_CERT: ",
            ),
        ] {
            let error = vault(&files).map(drop).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn reads_the_certificate_of_the_client() {
        let directory = tempfile::tempdir().unwrap();
        let key = CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY");
        let _ = files(directory.path(), &[("a.pem", CERTIFICATE), ("a.key", &format!(" {key}"))]);
        let path = |name: &str| Some(directory.path().join(name));
        let files =
            TlsFiles { certificate: path("a.pem"), key: path("a.key"), ..TlsFiles::default() };
        assert!(files.identity().unwrap().is_some());
        let no_key = TlsFiles { key: path("a.pem"), ..files };
        let error = no_key.identity().map(drop).unwrap_err().to_string();
        assert!(error.contains("VAULT_CLIENT_KEY: "), "{error}");
    }
}
