//! Calls of the HTTP API of Vault and OpenBao, through a client of `vaultrs`.
//!
//! The functions of `vaultrs` require members of responses that are not needed here and that not
//! all servers send, and send the one token of the client.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Response};
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tokio::time;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::Client;
use zeroize::Zeroizing;

use super::VaultKeyError;

/// A client, and the timeout of each call.
pub(super) struct VaultApi<C> {
    client: Arc<C>,
    timeout: Duration,
}

/// The members of a response that are used.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct ApiResponse<T> {
    /// What was read.
    #[serde(default = "none")]
    pub(super) data: Option<T>,
    /// The token of a login or a renewal.
    pub(super) auth: Option<Auth>,
}

/// A token, as a login or a renewal returns it.
#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: Zeroizing<String>,
    /// The remaining lifetime in seconds; 0 if the token does not expire.
    pub(super) lease_duration: u64,
    #[serde(default)]
    pub(super) renewable: bool,
}

struct Call {
    path: String,
    /// Of a POST.
    body: Option<Vec<u8>>,
}

/// The errors of a response; `error` is the form of RustyVault.
#[derive(Default, Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<String>,
    error: Option<String>,
}

impl<C: Client> VaultApi<C> {
    pub(super) const fn new(client: Arc<C>, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Returns the client's own token; empty if it has none.
    pub(super) fn client_token(&self) -> &str {
        &self.client.middle().token
    }

    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        token: &str,
        path: String,
    ) -> Result<ApiResponse<T>, VaultKeyError> {
        parse(&self.call(token, Call { path, body: None }).await?)
    }

    /// Sends a request that returns a token.
    pub(super) async fn authenticate(
        &self,
        token: &str,
        path: String,
        body: &impl Serialize,
    ) -> Result<Auth, VaultKeyError> {
        let body = serde_json::to_vec(body);
        let body = Some(body.map_err(|error| VaultKeyError::NoResponse(error.to_string()))?);
        let response = self.call(token, Call { path, body }).await?;
        let auth = parse::<IgnoredAny>(&response)?.auth;
        auth.ok_or_else(|| VaultKeyError::NoResponse("a response without a token".to_owned()))
    }

    /// Ends the validity of a token.
    pub(super) async fn revoke(&self, token: &str) -> Result<(), VaultKeyError> {
        let path = "auth/token/revoke-self".to_owned();
        self.call(token, Call { path, body: Some(b"{}".to_vec()) }).await.map(drop)
    }

    async fn call(&self, token: &str, call: Call) -> Result<Zeroizing<Vec<u8>>, VaultKeyError> {
        // `vaultrs` panics on an invalid token.
        if HeaderValue::from_str(token).is_err() {
            return Err(VaultKeyError::Token);
        }
        let middleware =
            EndpointMiddleware { token: token.to_owned(), ..self.client.middle().clone() };
        let call = call.with_middleware(&middleware);
        let response = time::timeout(self.timeout, call.exec(self.client.http())).await;
        let response = response.map_err(|_| VaultKeyError::TimedOut(self.timeout))?;
        Ok(Zeroizing::new(Response::into_body(response.map_err(call_error)?.response)))
    }
}

impl Endpoint for Call {
    type Response = IgnoredAny;

    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        if self.body.is_some() { RequestMethod::POST } else { RequestMethod::GET }
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.clone())
    }
}

/// Parses a response, whose octets may be secret.
fn parse<T: DeserializeOwned>(octets: &[u8]) -> Result<ApiResponse<T>, VaultKeyError> {
    serde_json::from_slice(octets).map_err(|_| {
        // Errors of `serde_json` may quote the text.
        match serde_json::from_slice::<ApiResponse<IgnoredAny>>(octets) {
            Ok(_) => VaultKeyError::MissingKeysField,
            Err(_) => VaultKeyError::NoResponse("an unexpected response".to_owned()),
        }
    })
}

/// Drops the client's error, which may contain the response, and so secrets.
fn call_error(error: ClientError) -> VaultKeyError {
    match error {
        ClientError::ServerResponseError { code: status, content } => {
            let content = content.map(Zeroizing::new).unwrap_or_default();
            let Errors { mut errors, error } = serde_json::from_str(&content).unwrap_or_default();
            errors.extend(error);
            VaultKeyError::ErrorResponse { status, errors }
        }
        ClientError::RequestError { source, .. } => {
            VaultKeyError::NoResponse(format!("{source:#}"))
        }
        other => VaultKeyError::NoResponse(other.to_string()),
    }
}

const fn none<T>() -> Option<T> {
    None
}
