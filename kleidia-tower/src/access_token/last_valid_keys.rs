//! The last valid keys of a source that is read repeatedly.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use http_guard::{Supervisor, event};

use super::KeyRing;

/// The last valid keys, and the error of the last read.
pub(super) struct LastValidKeys<E> {
    /// The name of the source, for the log.
    source: String,
    active: ArcSwap<KeyRing>,
    last_error: ArcSwapOption<E>,
    pub(super) supervisor: Supervisor,
}

impl<E: Error> LastValidKeys<E> {
    /// The keys were read at the given time, and are read again at this interval.
    pub(super) fn new(source: String, keys: KeyRing, read_at: Instant, interval: Duration) -> Self {
        event!(info, source, ?keys, "keys loaded");
        let (active, last_error) = (ArcSwap::from_pointee(keys), ArcSwapOption::empty());
        let supervisor = Supervisor::new("access-token-keys").with_interval(interval);
        supervisor.record::<_, E>(&Ok(()), read_at);
        Self { source, active, last_error, supervisor }
    }

    pub(super) fn current(&self) -> KeyRing {
        KeyRing::clone(&self.active.load())
    }

    pub(super) fn last_error(&self) -> Option<Arc<E>> {
        self.last_error.load_full()
    }

    /// Returns the time since the last successful read.
    pub(super) fn age(&self) -> Duration {
        self.supervisor.age().unwrap_or_default()
    }

    /// Activates the keys of a successful read. After a failed one the active keys stay.
    pub(super) fn update(
        &self,
        read: Result<KeyRing, E>,
        started_at: Instant,
    ) -> Result<(), Arc<E>> {
        let read = read.map_err(Arc::new);
        self.supervisor.record(&read, started_at);
        self.log_change(read.as_ref());
        self.active.store(Arc::new(read?));
        Ok(())
    }

    /// Logs what has changed since the last read, so a lasting error is logged once.
    fn log_change(&self, read: Result<&KeyRing, &Arc<E>>) {
        let source = &self.source;
        let previous = self.last_error.swap(read.err().cloned());
        match (previous, read) {
            (Some(previous), Err(error)) if previous.to_string() == error.to_string() => {}
            (_, Err(error)) => {
                event!(error, source, %error, "invalid keys, keeping the last valid ones");
            }
            (Some(_), Ok(keys)) => event!(info, source, ?keys, "keys valid again"),
            (None, Ok(keys)) if keys.ids().eq(self.active.load().ids()) => {}
            (None, Ok(keys)) => event!(info, source, ?keys, "keys loaded"),
        }
    }
}
