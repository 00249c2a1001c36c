//! What a login or a refresh gives.

use std::future::Future;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::Value;

use crate::answer::Answer;

/// The tokens of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) session: i64,
    pub(crate) user: i64,
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        let given = answer.gives();
        let text = |name: &str| given[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            session: given["session_id"].as_i64().unwrap(),
            user: given["user"]["id"].as_i64().unwrap(),
        }
    }

    /// The part of the access token that says this: 0 is its header, 1 are its claims.
    pub(crate) fn part(&self, index: usize) -> Value {
        let part = self.access.split('.').nth(index).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }
}

/// Asks again until there is something, which must be before long.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "that does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
