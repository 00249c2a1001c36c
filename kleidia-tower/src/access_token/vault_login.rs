//! How a client obtains its token from Vault or OpenBao.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use vaultrs::client::Client;
use zeroize::Zeroizing;

use super::VaultKeyError;
use super::vault_api::{Auth, VaultApi};

/// The maximum length of a file with credentials, in octets.
const MAX_FILE_LENGTH: u64 = 64 * 1024;

/// How a client obtains its token. Files are read again for each login, without the white space
/// around their text.
///
/// ```
/// use kleidia_tower::access_token::VaultLogin;
///
/// let login = VaultLogin::AppRole {
///     mount: "approle".to_owned(),
///     role_id: "0c2a1cf5-3f4a-4b7f-9a0c-5a2d4f6b8e10".to_owned(),
///     secret_id_file: "/run/secrets/vault-secret-id".into(),
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultLogin {
    /// The file contains the token. Another process may replace it, such as Vault's agent.
    TokenFile(PathBuf),
    /// A login as an application, by the method AppRole.
    AppRole {
        /// The path at which the method is enabled; `approle` by default in Vault.
        mount: String,
        /// The ID of the role, which is not a secret.
        role_id: String,
        /// The file with the secret ID.
        secret_id_file: PathBuf,
    },
    /// A login with the token of a service account, by the methods Kubernetes and JWT.
    Kubernetes {
        /// The path at which the method is enabled; `kubernetes` by default in Vault.
        mount: String,
        /// The name of the role.
        role: String,
        /// The file with the service account's token. In a pod this is
        /// `/var/run/secrets/kubernetes.io/serviceaccount/token`, unless another is projected.
        token_file: PathBuf,
    },
}

#[derive(Serialize)]
struct AppRoleLogin<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Serialize)]
struct KubernetesLogin<'a> {
    role: &'a str,
    jwt: &'a str,
}

/// The result of a login.
pub(super) enum LoggedIn {
    /// A token, whose lifetime has to be looked up.
    Token(Zeroizing<String>),
    /// A token that the server issued for this login.
    Issued(Auth),
}

impl VaultLogin {
    pub(super) async fn log_in(
        &self,
        api: &VaultApi<impl Client>,
    ) -> Result<LoggedIn, VaultKeyError> {
        let issued = match self {
            Self::TokenFile(path) => return read_file(path).await.map(LoggedIn::Token),
            Self::AppRole { mount, role_id, secret_id_file } => {
                let secret_id = &*read_file(secret_id_file).await?;
                let login = AppRoleLogin { role_id, secret_id };
                api.authenticate("", login_path(mount), &login).await
            }
            Self::Kubernetes { mount, role, token_file } => {
                let login = KubernetesLogin { role, jwt: &read_file(token_file).await? };
                api.authenticate("", login_path(mount), &login).await
            }
        };
        issued.map(LoggedIn::Issued).map_err(|error| VaultKeyError::Login(Box::new(error)))
    }
}

fn login_path(mount: &str) -> String {
    format!("auth/{}/login", mount.trim_matches('/'))
}

/// Reads a file without blocking the caller's thread.
async fn read_file(path: &Path) -> Result<Zeroizing<String>, VaultKeyError> {
    let file = path.to_owned();
    #[expect(clippy::disallowed_methods, reason = "supervised: awaited, and a panic is an error")]
    let read = tokio::task::spawn_blocking(move || read_text(&file)).await;
    let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
    read.map_err(|source| VaultKeyError::CredentialsFile { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    fs::File::open(path)?.take(MAX_FILE_LENGTH + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_LENGTH {
        return Err(io::Error::other("the file has more than 65536 octets"));
    }
    if text.trim().is_empty() {
        return Err(io::Error::other("the file is empty"));
    }
    Ok(Zeroizing::new(text.trim().to_owned()))
}
