//! The tokens of a login or a refresh.

use std::future::Future;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::Value;

use super::response::ApiResponse;

/// The tokens of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) session: i64,
    pub(crate) user: i64,
}

impl Tokens {
    /// Reads the body of a successful login or refresh.
    #[track_caller]
    pub(crate) fn from_response(response: &ApiResponse) -> Self {
        let body = response.expect_json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            session: body["session_id"].as_i64().unwrap(),
            user: body["user"]["id"].as_i64().unwrap(),
        }
    }

    /// Returns a part of the access token: 0 is its header, 1 its claims.
    pub(crate) fn part(&self, index: usize) -> Value {
        let part = self.access.split('.').nth(index).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }
}

/// Repeats `poll` until it returns a value; panics after a minute.
pub(crate) async fn wait_for<T, F: Future<Output = Option<T>>>(mut poll: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(Instant::now() < deadline, "timed out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
