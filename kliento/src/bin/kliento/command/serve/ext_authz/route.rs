//! `Route`: the routes of Envoy that have a certain audience.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, Response};
use http_guard::{LogLimiter, RejectionRenderer, event, log_text};
use kliento::{Error, Invalid};
use kliento_tower::{Rejection, WorkloadIdentity};

use super::super::authorizer::Authorizer;

static OTHER_AUDIENCE: LogLimiter = LogLimiter::per_second(5);

/// Answers for the routes of one audience.
pub(super) struct Route {
    audience: String,
    authorizer: Authorizer,
    renderer: RejectionRenderer<Rejection>,
}

impl Route {
    /// Creates what answers for one audience of the authorizer, whose state all routes share.
    pub(super) fn new(authorizer: &Authorizer, audience: &str) -> Self {
        Self {
            authorizer: authorizer.with_realm(audience),
            renderer: RejectionRenderer::new("Kliento", audience),
            audience: audience.to_owned(),
        }
    }

    /// Answers as the authorizer does, and rejects tokens for the layer's other audiences, too.
    pub(super) async fn authorize(&self, credentials: &HeaderMap) -> Response<Bytes> {
        let response = self.authorizer.authorize(credentials).await;
        match response.extensions().get::<WorkloadIdentity>() {
            Some(identity) if identity.audience() != self.audience => self.reject(identity),
            _ => response,
        }
    }

    /// Rejects as a layer does that has this audience alone.
    fn reject(&self, identity: &WorkloadIdentity) -> Response<Bytes> {
        let error = Error::from(Invalid::Audience {
            expected: vec![self.audience.clone()],
            found: identity.audience().to_owned(),
        });
        if let Some(suppressed) = OTHER_AUDIENCE.allow() {
            event!(info, error = log_text(&error), suppressed, "request rejected");
        }
        let (request, ()) = Request::new(()).into_parts();
        self.renderer.render(&request, Rejection::InvalidCredentials(Arc::new(error)))
    }
}
