//! Keys from a source that is read repeatedly, and the log events about them.

use std::error::Error;
use std::time::{Duration, Instant};

use http_guard::{LastValid, Supervisor, event};

use super::KeyRing;

/// Keeps the keys of the first read, which began at this time. They are read again at this
/// interval.
pub(super) fn new<E: Error>(
    source: String,
    keys: KeyRing,
    started_at: Instant,
    interval: Duration,
) -> LastValid<KeyRing, E> {
    event!(info, source, ?keys, "keys loaded");
    let supervisor = Supervisor::new("access-token-keys").with_interval(interval);
    LastValid::new(supervisor, keys, started_at, move |error| match error {
        Some(error) => event!(error, source, %error, "invalid keys, keeping the last valid ones"),
        None => event!(info, source, "keys valid again"),
    })
}

/// Activates the keys of a successful read.
pub(super) fn set<E: Error>(active: &LastValid<KeyRing, E>, source: &str, keys: KeyRing) {
    if !keys.ids().eq(active.value().ids()) {
        event!(info, source, ?keys, "keys loaded");
    }
    active.set(keys);
}
