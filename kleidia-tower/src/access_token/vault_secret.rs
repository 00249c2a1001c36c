//! A secret of Vault's or OpenBao's key/value engine (KV secrets engine, version 2, API).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustify::errors::ClientError as RestError;
use serde::Deserialize;
use tokio::time;
use vaultrs::client::Client;
use vaultrs::error::ClientError;
use vaultrs::kv2;
use zeroize::Zeroizing;

use super::{KeyRing, KeyTextError};

/// An error from reading keys from Vault or OpenBao.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultKeyError {
    /// The client's token contains characters that a header can't have, such as a line break.
    #[error("the client's token is not a valid header value")]
    Token,
    /// The server responded with an error: 403 without permission to read, 404 if the secret is
    /// missing or its newest version is deleted, 503 while the server is sealed.
    #[error("the server responded with status {status}: {errors:?}")]
    ErrorResponse {
        /// The status of the response.
        status: u16,
        /// The errors that the response contains.
        errors: Vec<String>,
    },
    /// The server did not respond, or not as this engine does.
    #[error("no response from the server: {0}")]
    NoResponse(String),
    /// The server did not respond in time.
    #[error("no response from the server within {0:?}")]
    TimedOut(Duration),
    /// The secret has no field `keys`, or the field is not text.
    #[error("the secret has no text field `keys`")]
    MissingKeysField,
    /// The text of the field is invalid.
    #[error(transparent)]
    Keys(#[from] KeyTextError),
}

/// The location of a secret, and the client that reads it.
pub(super) struct VaultSecret<C> {
    client: Arc<C>,
    mount: String,
    path: String,
    timeout: Duration,
}

#[derive(Deserialize)]
struct Fields {
    keys: Zeroizing<String>,
}

impl<C: Client> VaultSecret<C> {
    pub(super) fn new(
        client: Arc<C>,
        mount: &str,
        path: &str,
        timeout: Duration,
    ) -> Result<Self, VaultKeyError> {
        // The client panics on an invalid token.
        if HeaderValue::from_str(&client.middle().token).is_err() {
            return Err(VaultKeyError::Token);
        }
        Ok(Self { client, mount: mount.to_owned(), path: path.to_owned(), timeout })
    }

    pub(super) async fn read(&self) -> Result<KeyRing, VaultKeyError> {
        let read = kv2::read::<Fields>(&*self.client, &self.mount, &self.path);
        let response = time::timeout(self.timeout, read).await;
        let fields = response.map_err(|_| VaultKeyError::TimedOut(self.timeout))?;
        Ok(fields.map_err(vault_error)?.keys.parse()?)
    }
}

/// Drops the client's error, which may contain the server's response, and so secrets.
fn vault_error(error: ClientError) -> VaultKeyError {
    match error {
        ClientError::APIError { code, errors } => {
            VaultKeyError::ErrorResponse { status: code, errors }
        }
        ClientError::RestClientError { source: RestError::ServerResponseError { code, .. } } => {
            VaultKeyError::ErrorResponse { status: code, errors: Vec::new() }
        }
        ClientError::RestClientError { source: RestError::RequestError { source, .. } } => {
            VaultKeyError::NoResponse(format!("{source:#}"))
        }
        ClientError::RestClientError { source } => VaultKeyError::NoResponse(source.to_string()),
        ClientError::JsonParseError { .. } => VaultKeyError::MissingKeysField,
        other => VaultKeyError::NoResponse(other.to_string()),
    }
}

/// Formats the mount and the path, as `vault` and `bao` do.
impl<C> fmt::Display for VaultSecret<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}
