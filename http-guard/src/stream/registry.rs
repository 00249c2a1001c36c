//! `StreamRegistry`: the open streams of a layer.

use std::fmt;
use std::sync::{Arc, Weak};

use super::entries::Inner;
use super::{StreamCheck, StreamEnd, StreamSettings, StreamWatch};

/// The open streams of a layer. Cheap to clone: clones share the streams.
///
/// Its streams need a Tokio runtime with a timer: without one, a stream is rejected with 503. One
/// task checks them all, from the first stream until the registry and its last stream are dropped.
pub struct StreamRegistry<C: StreamCheck>(pub(super) Arc<Inner<C>>);

/// A registry that does not keep its streams and tasks alive, for tasks that follow events.
pub struct WeakStreamRegistry<C: StreamCheck>(Weak<Inner<C>>);

impl<C: StreamCheck> StreamRegistry<C> {
    /// Creates a registry without streams.
    pub fn new(check: C, settings: StreamSettings) -> Self {
        Self(Arc::new(Inner::new(check, settings)))
    }

    /// Returns the watch of a request that was allowed just now. It opens a stream when it is first
    /// used. Until then it costs two allocations: its own, and that of its extension.
    pub fn watch(&self, principal: C::Principal, key: C::Key, stream: C::Stream) -> StreamWatch {
        StreamWatch::new(Arc::clone(&self.0), principal, key, stream)
    }

    /// Ends the streams with a key. Returns how many.
    pub fn end(&self, principal: &C::Principal, key: &C::Key, end: StreamEnd) -> usize {
        self.0.end_entries(principal, |stream| stream.0.key == *key, end)
    }

    /// Ends the streams of a principal. Returns how many.
    pub fn end_principal(&self, principal: &C::Principal, end: StreamEnd) -> usize {
        self.0.end_entries(principal, |_| true, end)
    }

    /// Checks the streams of a principal now.
    pub fn check_principal(&self, principal: &C::Principal) {
        self.0.request_checks_of(principal);
    }

    /// Checks all streams now.
    pub fn check_all(&self) {
        self.0.request_checks();
    }

    /// Ends all streams with [`StreamEnd::SERVER_SHUTDOWN`], and rejects further ones. Returns how
    /// many. Call it when the server begins to shut down, which would otherwise wait for the
    /// streams. gRPC calls that are not answered may go on for 5 seconds.
    #[expect(clippy::must_use_candidate, reason = "it is called to end them")]
    pub fn shut_down(&self) -> usize {
        self.0.shut_down(StreamEnd::SERVER_SHUTDOWN)
    }

    /// Returns the number of open streams.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if no stream is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a registry that keeps no streams and tasks alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakStreamRegistry<C> {
        WeakStreamRegistry(Arc::downgrade(&self.0))
    }
}

impl<C: StreamCheck> WeakStreamRegistry<C> {
    /// Returns the registry, or `None` if it was dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<StreamRegistry<C>> {
        self.0.upgrade().map(StreamRegistry)
    }

    pub(super) const fn new(inner: Weak<Inner<C>>) -> Self {
        Self(inner)
    }
}

impl<C: StreamCheck> Clone for StreamRegistry<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: StreamCheck> Clone for WeakStreamRegistry<C> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<C: StreamCheck> fmt::Debug for StreamRegistry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRegistry").field("streams", &self.len()).finish_non_exhaustive()
    }
}

impl<C: StreamCheck> fmt::Debug for WeakStreamRegistry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakStreamRegistry").finish_non_exhaustive()
    }
}
