//! A request, as it is put together.

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::answer::Answer;
use crate::tokens::Tokens;

/// A request that is not sent yet.
pub(crate) struct Call(pub(crate) RequestBuilder);

impl Call {
    /// By who has these tokens.
    pub(crate) fn by(self, tokens: &Tokens) -> Self {
        self.bearer(&tokens.access)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// As a proxy passes it on for this address.
    pub(crate) fn from(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// A body as it is, in the name of JSON.
    pub(crate) fn text(self, body: impl Into<String>) -> Self {
        Self(self.0.body(body.into())).header("content-type", "application/json")
    }

    pub(crate) async fn send(self) -> Answer {
        Answer::read(self.0.send().await.unwrap()).await
    }
}
