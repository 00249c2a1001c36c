//! The last good keys of a source that is read again and again.

use std::error::Error;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::KeyRing;

/// The last good keys, and what was wrong since.
pub(super) struct HeldKeys<E> {
    /// What is read, for the log.
    source: String,
    in_force: ArcSwap<KeyRing>,
    last_error: ArcSwapOption<E>,
}

impl<E: Error> HeldKeys<E> {
    pub(super) fn new(source: String, keys: KeyRing) -> Self {
        tracing::info!(source, ?keys, "keys read");
        let (in_force, last_error) = (ArcSwap::from_pointee(keys), ArcSwapOption::empty());
        Self { source, in_force, last_error }
    }

    pub(super) fn current(&self) -> KeyRing {
        KeyRing::clone(&self.in_force.load())
    }

    pub(super) fn last_error(&self) -> Option<Arc<E>> {
        self.last_error.load_full()
    }

    /// Takes what was read: good keys are in force from now on, and anything else changes nothing.
    pub(super) fn take(&self, read: Result<KeyRing, E>) -> Result<(), Arc<E>> {
        let outcome = read.map_err(Arc::new);
        self.tell(outcome.as_ref());
        let keys = outcome?;
        self.in_force.store(Arc::new(keys));
        Ok(())
    }

    /// Says what changed; a problem that lasts is said once.
    fn tell(&self, outcome: Result<&KeyRing, &Arc<E>>) {
        let source = &self.source;
        let before = self.last_error.swap(outcome.err().cloned());
        match (before, outcome) {
            (Some(before), Err(error)) if before.to_string() == error.to_string() => {}
            (_, Err(error)) => tracing::error!(source, %error, "bad keys, the last good ones stay"),
            (Some(_), Ok(keys)) => tracing::info!(source, ?keys, "the keys are good again"),
            (None, Ok(keys)) if keys.ids().eq(self.in_force.load().ids()) => {}
            (None, Ok(keys)) => tracing::info!(source, ?keys, "keys read"),
        }
    }
}
