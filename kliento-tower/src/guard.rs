//! `KlientoGuard`: authenticates each request, and decides whether it reaches the inner service.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request};
use http_guard::stream::StreamWatch;
use http_guard::{Allowed, Check, Credentials, Guard, RejectionRenderer};
use kliento_core::{AuthorizationError, MAX_BUNDLE_OCTETS, Malformed};

use crate::access::AccessPolicy;
use crate::authenticator::Authenticator;
use crate::singleflight::Decision;
use crate::streams::{self, WorkloadStreams};
use crate::telemetry::{CacheStatus, LogLimits, RequestTelemetry};
use crate::{Rejection, Unauthenticated, WorkloadIdentity};

pub(crate) const SCHEME: &str = "Kliento";

/// The Base64 length of a bundle of the maximum size.
const MAX_CHARACTERS: usize = MAX_BUNDLE_OCTETS.div_ceil(3) * 4;

/// The guard of [`KlientoAuthLayer`](crate::KlientoAuthLayer), which its services share.
#[derive(Clone)]
pub struct KlientoGuard {
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) access: AccessPolicy,
    pub(crate) renderer: RejectionRenderer<Rejection>,
    pub(crate) removes_authorization: bool,
    pub(crate) log_limits: Arc<LogLimits>,
    /// `None` if the service watches its streams.
    pub(crate) streams: Option<WorkloadStreams>,
}

impl Guard for KlientoGuard {
    type Rejection = Rejection;
    type Lookup = (Decision, RequestTelemetry);

    fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, Rejection> {
        let mut telemetry = RequestTelemetry::start();
        http_guard::mark_authorization_sensitive(request.headers_mut());
        let lookup = match self.credentials(request.headers()) {
            Ok(credentials) => self.authenticator.lookup(credentials),
            Err(rejection) => Ok(Err(rejection)),
        };
        match lookup {
            Ok(decision) => {
                telemetry.cache = CacheStatus::from_lookup(&decision);
                Check::Ready(self.decide(request, decision, telemetry))
            }
            Err(miss) => {
                let authenticator = Arc::clone(&self.authenticator);
                Check::Pending(Box::pin(async move {
                    let (decision, cache) = authenticator.authenticate(miss).await;
                    telemetry.cache = cache;
                    (decision, telemetry)
                }))
            }
        }
    }

    fn finish<B>(
        &self,
        request: &mut Request<B>,
        (decision, telemetry): Self::Lookup,
    ) -> http_guard::Decision<Rejection> {
        self.decide(request, decision, telemetry)
    }

    fn renderer(&self) -> &RejectionRenderer<Rejection> {
        &self.renderer
    }
}

impl KlientoGuard {
    /// Returns the Kliento credentials, whose length is that of a bundle.
    fn credentials<'h>(&self, headers: &'h HeaderMap) -> Result<&'h HeaderValue, Rejection> {
        match Credentials::from_headers(headers, SCHEME) {
            Credentials::Missing => Err(Rejection::MissingCredentials),
            Credentials::Multiple => Err(Rejection::MultipleCredentials),
            Credentials::OtherScheme(scheme) if self.renderer.is_passthrough_scheme(scheme) => {
                Err(Rejection::PassthroughScheme)
            }
            Credentials::OtherScheme(_) => Err(Rejection::UnsupportedScheme),
            Credentials::Matching { header, token } if token.len() <= MAX_CHARACTERS => Ok(header),
            Credentials::Matching { token, .. } => {
                let found = token.len();
                let error = AuthorizationError::TooLong { maximum: MAX_CHARACTERS, found };
                Err(kliento_core::Error::from(Malformed::from(error)).into())
            }
        }
    }

    fn decide<B>(
        &self,
        request: &mut Request<B>,
        decision: Decision,
        telemetry: RequestTelemetry,
    ) -> http_guard::Decision<Rejection> {
        let checked = self.access.check(decision);
        let span = telemetry.finish(&checked, &self.log_limits);
        let checked = checked?;
        let watch = self.streams.as_ref().zip(checked.as_ref().ok());
        let watch = watch.map(|(streams, identity)| {
            streams::watch(streams, identity, &self.authenticator, &self.access)
        });
        self.set_extensions(request, checked, watch.clone());
        Ok(Allowed { span: span.into_inner(), watch, ..Allowed::default() })
    }

    /// Puts the decision into the extensions, and removes what another layer may have put there.
    fn set_extensions<B>(
        &self,
        request: &mut Request<B>,
        decision: Decision,
        watch: Option<StreamWatch>,
    ) {
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
                if let Some(watch) = watch {
                    extensions.insert(watch);
                }
            }
            Err(rejection) => {
                extensions.remove::<WorkloadIdentity>();
                extensions.insert(Unauthenticated::new(rejection, self.renderer.clone()));
            }
        }
    }
}

impl fmt::Debug for KlientoGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KlientoGuard")
            .field("audiences", &self.authenticator.audiences)
            .field("policy", &self.access.policy)
            .field("cache", &self.authenticator.cache)
            .field("signature_cache", &self.authenticator.signature_cache)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KlientoAuthLayer;

    #[test]
    fn rejects_oversized_credentials() {
        let layer = KlientoAuthLayer::new("https://api.example.com");
        let reason = |length: usize| {
            let value = format!("Kliento {}", "A".repeat(length)).parse().unwrap();
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            layer.0.credentials(&headers).map(drop).map_err(|rejection| rejection.reason())
        };
        assert_eq!(reason(MAX_CHARACTERS), Ok(()));
        assert_eq!(reason(MAX_CHARACTERS + 1), Err("authorization-too-long"));
    }
}
