//! `RequestStream`: what the watches of one request share.

use std::any::Any;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use super::condition::Conditions;
use super::entries::Inner;
use super::state::{Micros, StreamState, micros, now};
use super::sync::{AtomicBool, AtomicUsize, Mutex, Ordering};
use super::{StreamCheck, StreamEnd};

/// The stream of a request that was allowed. It is open once it has a state.
///
/// One allocation has all of it, since each request pays for it.
pub(super) struct RequestStream<C: StreamCheck> {
    pub(super) registry: Arc<Inner<C>>,
    pub(super) principal: C::Principal,
    pub(super) key: C::Key,
    pub(super) known: C::Stream,
    /// When the caller was allowed.
    pub(super) allowed_at: Micros,
    /// The number of watches. The stream is closed with the last one.
    watches: AtomicUsize,
    /// Whether it is used as a stream. A call does not count for its principal.
    is_counted: AtomicBool,
    state: OnceLock<StreamState>,
    opening: Mutex<()>,
    /// What layers inside the one that watches require.
    pub(super) conditions: Conditions,
}

/// What a stream is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// A call that its handler has not answered, or whose answer is complete so far. It counts for no
    /// principal, and has a while to finish at a shutdown.
    Call,
    Stream,
}

/// The stream of a request, whatever its check is.
pub(super) trait Watched: Send + Sync {
    fn known(&self) -> &(dyn Any + Send + Sync);
    fn is_fresh(&self) -> bool;
    fn conditions(&self) -> &Conditions;
    fn watches(&self) -> &AtomicUsize;
    fn is_counted(&self) -> bool;
    fn state(&self) -> Option<&StreamState>;
    fn open(self: Arc<Self>, usage: Usage) -> Result<(), StreamEnd>;
    fn close(&self);
}

/// How long after its request was allowed a stream delivers without a check.
const FRESH: Duration = Duration::from_secs(1);

impl<C: StreamCheck> RequestStream<C> {
    pub(super) fn new(
        registry: Arc<Inner<C>>,
        principal: C::Principal,
        key: C::Key,
        known: C::Stream,
    ) -> Self {
        Self {
            registry,
            principal,
            key,
            known,
            allowed_at: now(),
            watches: AtomicUsize::new(1),
            is_counted: AtomicBool::new(false),
            state: OnceLock::new(),
            opening: Mutex::default(),
            conditions: Conditions::default(),
        }
    }

    /// Returns whether the request was allowed just now.
    pub(super) fn is_fresh(&self) -> bool {
        now() < self.allowed_at.saturating_add(micros(FRESH))
    }

    pub(super) fn is_counted(&self) -> bool {
        self.is_counted.load(Ordering::Acquire)
    }

    /// Counts the stream for its principal, under the lock of the registry.
    pub(super) fn set_counted(&self) {
        self.is_counted.store(true, Ordering::Release);
    }

    /// Returns the state of an open stream.
    pub(super) fn state(&self) -> Option<&StreamState> {
        self.state.get()
    }

    /// Returns the state of a stream that is being opened.
    pub(super) fn set_state(&self, state: StreamState) -> &StreamState {
        self.state.get_or_init(|| state)
    }
}

impl<C: StreamCheck> Watched for RequestStream<C> {
    fn known(&self) -> &(dyn Any + Send + Sync) {
        &self.known
    }

    fn is_fresh(&self) -> bool {
        self.is_fresh()
    }

    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    fn watches(&self) -> &AtomicUsize {
        &self.watches
    }

    fn is_counted(&self) -> bool {
        // It is counted before it has a state.
        self.state.get().is_some() && self.is_counted()
    }

    fn state(&self) -> Option<&StreamState> {
        self.state()
    }

    fn open(self: Arc<Self>, usage: Usage) -> Result<(), StreamEnd> {
        let _guard = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        match (self.state.get(), usage) {
            (None, _) => self.registry.open(&self, usage),
            (Some(_), Usage::Stream) if !self.is_counted() => self.registry.count(&self),
            (Some(_), _) => Ok(()),
        }
    }

    fn close(&self) {
        self.registry.close(self);
    }
}
