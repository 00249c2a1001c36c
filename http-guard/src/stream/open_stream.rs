//! `OpenStream`: a stream as its check sees it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::request_stream::RequestStream;
use super::state::{Micros, StreamState};
use super::{StreamCheck, StreamEnd};

/// An open stream: it dereferences to what is [known](StreamCheck::Stream) of it. Cheap to clone.
pub struct OpenStream<C: StreamCheck>(pub(super) Arc<RequestStream<C>>);

impl<C: StreamCheck> OpenStream<C> {
    /// Returns whether the stream has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.0.state().is_some_and(|state| !state.is_ended())
    }

    pub(super) fn lease_until(&self) -> Micros {
        self.0.state().map_or(0, StreamState::lease_until)
    }

    /// Renews the lease after a check.
    pub(super) fn renew(&self, valid_until: Micros, lease_until: Micros) {
        if let Some(state) = self.0.state() {
            state.renew(valid_until, lease_until);
        }
    }

    /// Ends the stream. Returns `false` if it has already ended.
    pub(super) fn set_end(&self, end: StreamEnd) -> bool {
        self.0.state().is_some_and(|state| state.set_end(end))
    }
}

impl<C: StreamCheck> Deref for OpenStream<C> {
    type Target = C::Stream;

    fn deref(&self) -> &C::Stream {
        &self.0.known
    }
}

impl<C: StreamCheck> Clone for OpenStream<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: StreamCheck> fmt::Debug for OpenStream<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenStream").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
