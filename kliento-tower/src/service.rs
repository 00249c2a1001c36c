//! The service: authenticates, and then calls the one that it wraps.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body_util::{Either, Full};
use tower_service::Service;
use tracing::Span;

use crate::authenticator::Unknown;
use crate::credentials::Credentials;
use crate::flights::Verdict;
use crate::future::ResponseFuture;
use crate::layer::Shared;
use crate::observation::{CacheUse, Observation};
use crate::{Rejection, Unauthenticated, WorkloadIdentity};

/// The service that [`KlientoAuthLayer`](crate::KlientoAuthLayer) puts around another one.
///
/// Its errors are the other one's: that a request is refused is a response.
#[derive(Clone, Debug)]
pub struct KlientoAuth<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// The body of a response: the service's, or a refusal's.
pub type ResponseBody<B> = Either<B, Full<Bytes>>;

/// What is known of a request without waiting.
enum FirstLook {
    Decided(Verdict, CacheUse),
    Unknown(Unknown),
}

impl<S> KlientoAuth<S> {
    pub(crate) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
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
        let mut observation = Observation::begin();
        mark_sensitive(request.headers_mut());
        match self.shared.first_look(request.headers()) {
            FirstLook::Decided(verdict, cache) => {
                observation.cache = cache;
                match self.shared.decide(request, verdict, observation) {
                    Ok((request, span)) => {
                        let future = span.in_scope(|| self.inner.call(request));
                        ResponseFuture::called(future, span)
                    }
                    Err(refusal) => {
                        // What was made ready must not be kept from others by who is refused.
                        self.inner = self.inner.clone();
                        ResponseFuture::refused(refusal)
                    }
                }
            }
            FirstLook::Unknown(unknown) => {
                let clone = self.inner.clone();
                // The instance that was polled is the one to call.
                let ready = mem::replace(&mut self.inner, clone);
                let shared = Arc::clone(&self.shared);
                ResponseFuture::verify(shared, unknown, ready, request, observation)
            }
        }
    }
}

impl Shared {
    fn first_look(&self, headers: &HeaderMap) -> FirstLook {
        let credentials = match Credentials::ours(headers, |scheme| self.answer.names(scheme)) {
            Ok(credentials) => credentials,
            Err(rejection) => return FirstLook::Decided(Err(rejection), CacheUse::None),
        };
        match self.authenticator.recall(credentials) {
            Ok(verdict) => {
                let cache = CacheUse::of_recalled(&verdict);
                FirstLook::Decided(verdict, cache)
            }
            Err(unknown) => FirstLook::Unknown(unknown),
        }
    }

    /// Turns a verdict into a request for the service, or into a refusal.
    pub(crate) fn decide<B>(
        &self,
        mut request: Request<B>,
        verdict: Verdict,
        observation: Observation,
    ) -> Result<(Request<B>, Span), Box<Response<Bytes>>> {
        let admitted = self.admission.admit(verdict);
        let span = observation.end(&admitted);
        match admitted {
            Ok(verdict) => {
                self.tell_service(&mut request, verdict);
                Ok((request, span))
            }
            Err(rejection) => {
                let (parts, _) = request.into_parts();
                Err(Box::new(span.in_scope(|| self.answer.to(&parts, &rejection))))
            }
        }
    }

    /// Puts the outcome into the extensions, in place of what another layer may have put there.
    fn tell_service<B>(&self, request: &mut Request<B>, verdict: Verdict) {
        let is_anothers =
            matches!(verdict, Err(Rejection::OtherScheme | Rejection::UnsupportedScheme));
        if self.removes_credentials && !is_anothers {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let extensions = request.extensions_mut();
        match verdict {
            Ok(identity) => {
                extensions.remove::<Unauthenticated>();
                extensions.insert(identity);
            }
            Err(rejection) => {
                extensions.remove::<WorkloadIdentity>();
                extensions.insert(Unauthenticated::new(rejection, Arc::clone(&self.answer)));
            }
        }
    }
}

/// So that nobody who prints the headers prints the credentials.
fn mark_sensitive(headers: &mut HeaderMap) {
    // `HeaderMap::entry` would make room for one more header first.
    let values = headers.iter_mut().filter(|(name, _)| *name == AUTHORIZATION);
    values.for_each(|(_, value)| value.set_sensitive(true));
}
