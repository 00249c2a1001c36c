//! The tokens that failed lately.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_guard::log_text_up_to;

/// How long an error says something of the present: later, a caller would have asked again.
const MAX_AGE: Duration = Duration::from_secs(300);

const MAX_ERROR_CHARACTERS: usize = 1_000;

/// The last error of each audience for which no token was issued since. The rules bound the
/// audiences.
#[derive(Debug, Default)]
pub(super) struct TokenErrors(Mutex<BTreeMap<String, TokenError>>);

#[derive(Debug)]
struct TokenError {
    at: Instant,
    error: String,
}

impl TokenErrors {
    pub(super) fn record(&self, audience: &str, error: &impl Display) {
        let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
        self.lock().insert(audience.to_owned(), TokenError { at: Instant::now(), error });
    }

    /// Forgets the error of an audience, for which a token was issued.
    pub(super) fn clear(&self, audience: &str) {
        self.lock().remove(audience);
    }

    /// Returns the latest error, with its audience, if it is at most 5 minutes old.
    pub(super) fn latest(&self) -> Option<String> {
        let errors = self.lock();
        let (audience, TokenError { error, .. }) = errors
            .iter()
            .filter(|(_, error)| error.at.elapsed() <= MAX_AGE)
            .max_by_key(|(_, error)| error.at)?;
        Some(format!("{audience}: {error}"))
    }

    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TokenError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_errors_of_audiences_without_a_token_since() {
        let errors = TokenErrors::default();
        assert_eq!(errors.latest(), None);
        errors.record("a", &"one");
        errors.record("b", &"two");
        assert_eq!(errors.latest().as_deref(), Some("b: two"));
        errors.clear("b");
        assert_eq!(errors.latest().as_deref(), Some("a: one"));
        errors.clear("a");
        assert_eq!(errors.latest(), None);
    }
}
