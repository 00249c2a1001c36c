//! The service of each layer: lets its guard decide, and then calls the one that it wraps.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::guard::{Guard, Passed, Progress};
use crate::{Rejection, observation};

/// The service that a layer of this crate puts around another one.
///
/// Its errors are the other one's: that a request is refused is a response. Clones share all state.
pub struct Guarded<S, G> {
    inner: S,
    guard: Arc<G>,
}

/// The body of a response: the service's, or a refusal's.
pub type ResponseBody<B> = Either<B, Full<Bytes>>;

impl<S, G> Guarded<S, G> {
    pub(crate) const fn new(inner: S, guard: Arc<G>) -> Self {
        Self { inner, guard }
    }
}

impl<S, G, B, R> Service<Request<B>> for Guarded<S, G>
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
        match self.guard.begin(&mut request) {
            Progress::Decided(Ok(Passed { headers })) => {
                ResponseFuture::called(self.inner.call(request), headers)
            }
            Progress::Decided(Err(rejection)) => {
                // What was made ready must not be kept from others by who is refused.
                self.inner = self.inner.clone();
                ResponseFuture::refused(refuse(&*self.guard, request, rejection))
            }
            Progress::Waiting(finding) => {
                let clone = self.inner.clone();
                // The instance that was polled is the one to call.
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(Arc::clone(&self.guard), finding, ready, request)
            }
        }
    }
}

pub(crate) fn refuse<G: Guard, B>(
    guard: &G,
    request: Request<B>,
    rejection: Rejection,
) -> Box<Response<Bytes>> {
    observation::tell(&rejection);
    let (parts, _) = request.into_parts();
    Box::new(guard.answer().to(&parts, rejection))
}

impl<S: Clone, G> Clone for Guarded<S, G> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: Arc::clone(&self.guard) }
    }
}

impl<S: fmt::Debug, G> fmt::Debug for Guarded<S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("inner", &self.inner).finish_non_exhaustive()
    }
}
