//! The service: authenticates each request, then calls the inner service.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body_util::{Either, Full};
use tower_service::Service;
use tracing::Span;

use crate::authenticator::CacheMiss;
use crate::credentials::Credentials;
use crate::future::ResponseFuture;
use crate::layer::LayerState;
use crate::singleflight::Decision;
use crate::telemetry::{CacheStatus, RequestTelemetry};
use crate::{Rejection, Unauthenticated, WorkloadIdentity};

/// The service of [`KlientoAuthLayer`](crate::KlientoAuthLayer).
///
/// Its errors are those of the inner service: a rejected request receives a response.
#[derive(Clone, Debug)]
pub struct KlientoAuth<S> {
    inner: S,
    state: Arc<LayerState>,
}

/// The body of a response: the inner service's, or a rejection's.
pub type ResponseBody<B> = Either<B, Full<Bytes>>;

/// A check that may have to wait.
enum Check {
    Ready(Decision, CacheStatus),
    Pending(CacheMiss),
}

impl<S> KlientoAuth<S> {
    pub(crate) const fn new(inner: S, state: Arc<LayerState>) -> Self {
        Self { inner, state }
    }
}

impl<S, B, R> Service<Request<B>> for KlientoAuth<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut telemetry = RequestTelemetry::start();
        mark_sensitive(request.headers_mut());
        match self.state.start(request.headers()) {
            Check::Ready(decision, cache) => {
                telemetry.cache = cache;
                match self.state.finish(request, decision, telemetry) {
                    Ok((request, span)) => {
                        let future = span.in_scope(|| self.inner.call(request));
                        ResponseFuture::calling(future, span)
                    }
                    Err(response) => {
                        // A rejected request must not keep the ready inner service: replace it with
                        // a clone.
                        self.inner = self.inner.clone();
                        ResponseFuture::rejected(response)
                    }
                }
            }
            Check::Pending(miss) => {
                let clone = self.inner.clone();
                // The instance that was polled ready must be the one that is called.
                let ready = mem::replace(&mut self.inner, clone);
                let state = Arc::clone(&self.state);
                ResponseFuture::pending(state, miss, ready, request, telemetry)
            }
        }
    }
}

impl LayerState {
    fn start(&self, headers: &HeaderMap) -> Check {
        let credentials = match Credentials::for_kliento(headers, |scheme| {
            self.renderer.is_passthrough_scheme(scheme)
        }) {
            Ok(credentials) => credentials,
            Err(rejection) => return Check::Ready(Err(rejection), CacheStatus::NotConsulted),
        };
        match self.authenticator.lookup(credentials) {
            Ok(decision) => {
                let cache = CacheStatus::from_lookup(&decision);
                Check::Ready(decision, cache)
            }
            Err(miss) => Check::Pending(miss),
        }
    }

    /// Applies a decision: returns the request for the inner service, or the response.
    pub(crate) fn finish<B>(
        &self,
        mut request: Request<B>,
        decision: Decision,
        telemetry: RequestTelemetry,
    ) -> Result<(Request<B>, Span), Box<Response<Bytes>>> {
        let checked = self.access.check(decision);
        let span = telemetry.finish(&checked);
        match checked {
            Ok(decision) => {
                self.set_extensions(&mut request, decision);
                Ok((request, span))
            }
            Err(rejection) => {
                let (parts, _) = request.into_parts();
                Err(Box::new(span.in_scope(|| self.renderer.render(&parts, &rejection))))
            }
        }
    }

    /// Puts the decision into the extensions, and removes what another layer may have put there.
    fn set_extensions<B>(&self, request: &mut Request<B>, decision: Decision) {
        let is_other_scheme =
            matches!(decision, Err(Rejection::PassthroughScheme | Rejection::UnsupportedScheme));
        if self.removes_authorization && !is_other_scheme {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let extensions = request.extensions_mut();
        match decision {
            Ok(identity) => {
                extensions.remove::<Unauthenticated>();
                extensions.insert(identity);
            }
            Err(rejection) => {
                extensions.remove::<WorkloadIdentity>();
                extensions.insert(Unauthenticated::new(rejection, Arc::clone(&self.renderer)));
            }
        }
    }
}

/// Keeps the credentials out of the `Debug` output of the headers.
fn mark_sensitive(headers: &mut HeaderMap) {
    // `HeaderMap::entry` would reserve capacity for another header first.
    let values = headers.iter_mut().filter(|(name, _)| *name == AUTHORIZATION);
    values.for_each(|(_, value)| value.set_sensitive(true));
}
