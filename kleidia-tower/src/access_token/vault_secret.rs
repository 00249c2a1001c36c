//! A secret of Vault's or OpenBao's key/value engine (KV secrets engine, version 2, API).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustify::errors::ClientError as Exchange;
use serde::Deserialize;
use tokio::time;
use vaultrs::client::Client;
use vaultrs::error::ClientError;
use vaultrs::kv2;
use zeroize::Zeroizing;

use super::{KeyRing, KeyTextError};

/// Why Vault or OpenBao gives no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultKeyError {
    /// The client's token can't be sent in a header, such as one with a line's end.
    #[error("the client's token can't be sent in a header")]
    Token,
    /// The server refuses: 403 without leave to read, 404 where there is no secret or its newest
    /// version is deleted, 503 while it is sealed.
    #[error("the server answers {status}: {errors:?}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// What it says about it.
        errors: Vec<String>,
    },
    /// There is no answer, or none of this engine.
    #[error("no answer of the server: {0}")]
    Unanswered(String),
    /// There is no answer in time.
    #[error("no answer of the server within {0:?}")]
    TimedOut(Duration),
    /// The secret has no field `keys`, or something else than text in it.
    #[error("the secret has no text in a field `keys`")]
    NoKeys,
    /// What the field says is wrong.
    #[error(transparent)]
    Keys(#[from] KeyTextError),
}

/// Where a secret is, and who reads it.
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
        // The client would panic.
        if HeaderValue::from_str(&client.middle().token).is_err() {
            return Err(VaultKeyError::Token);
        }
        Ok(Self { client, mount: mount.to_owned(), path: path.to_owned(), timeout })
    }

    pub(super) async fn read(&self) -> Result<KeyRing, VaultKeyError> {
        let read = kv2::read::<Fields>(&*self.client, &self.mount, &self.path);
        let answer = time::timeout(self.timeout, read).await;
        let fields = answer.map_err(|_| VaultKeyError::TimedOut(self.timeout))?;
        Ok(fields.map_err(refusal)?.keys.parse()?)
    }
}

/// The client's own errors may hold what the server sent, so they go no further.
fn refusal(error: ClientError) -> VaultKeyError {
    match error {
        ClientError::APIError { code, errors } => VaultKeyError::Refused { status: code, errors },
        ClientError::RestClientError { source: Exchange::ServerResponseError { code, .. } } => {
            VaultKeyError::Refused { status: code, errors: Vec::new() }
        }
        ClientError::RestClientError { source: Exchange::RequestError { source, .. } } => {
            VaultKeyError::Unanswered(format!("{source:#}"))
        }
        ClientError::RestClientError { source } => VaultKeyError::Unanswered(source.to_string()),
        ClientError::JsonParseError { .. } => VaultKeyError::NoKeys,
        other => VaultKeyError::Unanswered(other.to_string()),
    }
}

/// As `vault` and `bao` write it: the mount, and the path in it.
impl<C> fmt::Display for VaultSecret<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}
