//! A builder of API requests.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;

use super::response::ApiResponse;
use super::tokens::Tokens;

/// A request that is not sent yet.
pub(crate) struct ApiRequest(pub(crate) RequestBuilder);

impl ApiRequest {
    /// Adds the access token.
    pub(crate) fn auth(self, tokens: &Tokens) -> Self {
        self.bearer_auth(&tokens.access)
    }

    pub(crate) fn bearer_auth(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Adds `X-Forwarded-For`, as a proxy does.
    pub(crate) fn forwarded_for(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// Sets a body that may be malformed, with the media type of JSON.
    pub(crate) fn raw_json(self, body: impl Into<String>) -> Self {
        Self(self.0.body(body.into())).header("content-type", "application/json")
    }

    pub(crate) fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    pub(crate) async fn send(self) -> ApiResponse {
        self.try_send().await.unwrap()
    }

    /// Sends it to a portal that may be gone.
    pub(crate) async fn try_send(self) -> Result<ApiResponse, reqwest::Error> {
        ApiResponse::read(self.0.send().await?).await
    }
}
