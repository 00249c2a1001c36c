//! A secret of the key/value engine of Vault or OpenBao, and the session in which it is read.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use vaultrs::client::Client;
use zeroize::Zeroizing;

use super::vault_api::VaultApi;
use super::vault_token::VaultToken;
use super::{KeyRing, VaultKeyError};

/// The version of a key/value engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KvVersion {
    /// An engine that keeps the last value of a secret.
    V1,
    /// An engine that keeps several versions of a secret.
    #[default]
    V2,
}

/// The location of a secret.
pub(super) struct VaultSecret {
    mount: String,
    path: String,
    version: KvVersion,
}

/// A client with its token, and what it reads.
pub(super) struct VaultSession<C> {
    api: VaultApi<C>,
    token: VaultToken,
    secret: VaultSecret,
}

#[derive(Deserialize)]
struct Fields {
    keys: Zeroizing<String>,
}

/// The response of version 2.
#[derive(Deserialize)]
struct Versioned {
    data: Fields,
}

impl VaultSecret {
    pub(super) fn new(mount: &str, path: &str, version: KvVersion) -> Self {
        let [mount, path] = [mount, path].map(|path| path.trim_matches('/').to_owned());
        Self { mount, path, version }
    }

    async fn read(
        &self,
        api: &VaultApi<impl Client>,
        token: &str,
    ) -> Result<KeyRing, VaultKeyError> {
        let Self { mount, path, version } = self;
        let fields = match version {
            KvVersion::V1 => api.read(token, format!("{mount}/{path}")).await?.data,
            KvVersion::V2 => {
                let response = api.read::<Versioned>(token, format!("{mount}/data/{path}")).await?;
                response.data.map(|versioned| versioned.data)
            }
        };
        let Fields { keys } = fields.ok_or(VaultKeyError::MissingKeysField)?;
        Ok(keys.parse()?)
    }
}

impl<C: Client> VaultSession<C> {
    pub(super) const fn new(api: VaultApi<C>, token: VaultToken, secret: VaultSecret) -> Self {
        Self { api, token, secret }
    }

    /// Returns the time until the token has to be renewed, which [`Self::read`] does.
    pub(super) fn until_renewal(&self) -> Duration {
        self.token.until_renewal()
    }

    /// Reads the keys, and activates them. If the server rejects the token, it logs in again, unless
    /// the last login is younger than `login_interval`.
    ///
    /// # Errors
    /// [`VaultKeyError`] if the keys were not read, or the token cannot be kept valid.
    pub(super) async fn read(
        &mut self,
        login_interval: Duration,
        set: impl FnOnce(KeyRing),
    ) -> Result<(), VaultKeyError> {
        let Self { api, token, secret } = self;
        let kept_valid = token.keep_valid(api).await;
        // Without a token, it is an error.
        let Some(current) = token.current() else { return kept_valid };
        let mut keys = secret.read(api, current).await;
        if keys.as_ref().is_err_and(VaultKeyError::is_forbidden)
            && token.is_login_older_than(login_interval)
            // The token may have been revoked, or may have expired during an outage.
            && token.replace(api).await?
            && let Some(current) = token.current()
        {
            keys = secret.read(api, current).await;
        }
        set(keys?);
        kept_valid
    }
}

/// Formats the mount and the path, as `vault` and `bao` do.
impl fmt::Display for VaultSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}
