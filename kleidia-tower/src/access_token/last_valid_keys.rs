//! Keys from a source that is read repeatedly, and the log events about them.

use std::error::Error;
use std::time::{Duration, Instant};

use http_guard::{LastValid, Supervisor, event, log_text_up_to};
use tokio::sync::watch;

use super::KeyRing;

/// The maximum length of a path in the log, and of an error about it.
pub(super) const MAX_SOURCE_CHARACTERS: usize = 300;

/// Keeps the keys of the first read, which began at this time. They are read again at this
/// interval.
pub(super) fn new<E: Error>(
    source: String,
    keys: KeyRing,
    started_at: Instant,
    interval: Duration,
) -> LastValid<KeyRing, E> {
    let source = log_text_up_to(MAX_SOURCE_CHARACTERS, source);
    event!(info, source, ?keys, "keys loaded");
    let supervisor = Supervisor::new("access-token-keys").with_interval(interval);
    LastValid::new(supervisor, keys, started_at, move |error| match error {
        Some(error) => {
            let error = log_text_up_to(MAX_SOURCE_CHARACTERS, error);
            event!(error, source, error, "invalid keys, keeping the last valid ones");
        }
        None => event!(info, source, "keys valid again"),
    })
}

/// Activates the keys of a successful read, and notifies `withdrawals` if a key is missing.
pub(super) fn set<E: Error>(
    active: &LastValid<KeyRing, E>,
    source: &str,
    withdrawals: &watch::Sender<()>,
    keys: KeyRing,
) {
    let before = KeyRing::clone(&active.value());
    if !keys.ids().eq(before.ids()) {
        let source = log_text_up_to(MAX_SOURCE_CHARACTERS, source);
        event!(info, source, ?keys, "keys loaded");
    }
    let is_withdrawn = !keys.has_all_of(&before);
    active.set(keys);
    if is_withdrawn {
        withdrawals.send_replace(());
    }
}
