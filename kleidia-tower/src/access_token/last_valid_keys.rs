//! The last valid keys of a source that is read repeatedly.

use std::error::Error;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::KeyRing;

/// The last valid keys, and the error of the last read.
pub(super) struct LastValidKeys<E> {
    /// The name of the source, for the log.
    source: String,
    active: ArcSwap<KeyRing>,
    last_error: ArcSwapOption<E>,
}

impl<E: Error> LastValidKeys<E> {
    pub(super) fn new(source: String, keys: KeyRing) -> Self {
        tracing::info!(source, ?keys, "keys loaded");
        let (active, last_error) = (ArcSwap::from_pointee(keys), ArcSwapOption::empty());
        Self { source, active, last_error }
    }

    pub(super) fn current(&self) -> KeyRing {
        KeyRing::clone(&self.active.load())
    }

    pub(super) fn last_error(&self) -> Option<Arc<E>> {
        self.last_error.load_full()
    }

    /// Activates the keys of a successful read. After a failed one the active keys stay.
    pub(super) fn update(&self, read: Result<KeyRing, E>) -> Result<(), Arc<E>> {
        let read = read.map_err(Arc::new);
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
                tracing::error!(source, %error, "invalid keys, keeping the last valid ones");
            }
            (Some(_), Ok(keys)) => tracing::info!(source, ?keys, "keys valid again"),
            (None, Ok(keys)) if keys.ids().eq(self.active.load().ids()) => {}
            (None, Ok(keys)) => tracing::info!(source, ?keys, "keys loaded"),
        }
    }
}
