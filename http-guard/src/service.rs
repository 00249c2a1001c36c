//! `GuardedService`: lets its guard decide, and then calls the inner service.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use tower_service::Service;

use crate::stream::{UnansweredCall, WatchedBody};
use crate::telemetry::{IsolatedSpan, isolate};
use crate::{Allowed, Check, Guard, ResponseFuture};

/// A service that passes the requests to an inner service that its guard allows.
///
/// - Its errors are those of the inner service: a rejected request gets a response.
/// - It is ready when the inner service is. The instance that was polled ready is the one called,
///   also if the guard awaits a lookup first.
/// - Dropping the response future cancels the lookup, or the call of the inner service.
/// - Clones share the guard.
pub struct GuardedService<S, G> {
    inner: S,
    guard: Arc<G>,
}

/// The body of a response: that of the inner service, which a [watch](crate::stream) may end, or
/// that of a rejection.
pub type ResponseBody<B> = Either<WatchedBody<B>, Full<Bytes>>;

impl<S, G> GuardedService<S, G> {
    /// Puts a guard in front of a service.
    pub const fn new(inner: S, guard: Arc<G>) -> Self {
        Self { inner, guard }
    }
}

impl<S, G, B, R> Service<Request<B>> for GuardedService<S, G>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    G: Guard,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, G>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.guard.start(&mut request) {
            Check::Ready(Ok(allowed)) => {
                let Allowed { span, response_headers, watch } = allowed;
                let span = IsolatedSpan::from(span);
                let call = watch.as_ref().and_then(|_| UnansweredCall::of_request(&request));
                let future = span.in_scope(|| self.inner.call(request));
                ResponseFuture::calling(future, span, response_headers, watch, call)
            }
            Check::Ready(Err(rejection)) => {
                // A rejected request must not keep the ready inner service: others may wait for it.
                self.inner = self.inner.clone();
                ResponseFuture::rejected(reject(&*self.guard, request, rejection))
            }
            Check::Pending(lookup) => {
                let clone = self.inner.clone();
                // The instance that was polled ready is the one to call.
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::pending(Arc::clone(&self.guard), lookup, ready, request)
            }
        }
    }
}

/// Makes the response to a rejected request.
pub(crate) fn reject<G: Guard, B>(
    guard: &G,
    request: Request<B>,
    rejection: G::Rejection,
) -> Box<Response<Bytes>> {
    isolate(|| guard.on_rejection(&rejection));
    let (parts, _) = request.into_parts();
    Box::new(guard.renderer().render(&parts, rejection))
}

impl<S: Clone, G> Clone for GuardedService<S, G> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: Arc::clone(&self.guard) }
    }
}

impl<S: fmt::Debug, G> fmt::Debug for GuardedService<S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
