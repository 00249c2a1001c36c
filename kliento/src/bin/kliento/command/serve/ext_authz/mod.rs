//! Envoy's external authorization over gRPC: `envoy.service.auth.v3.Authorization/Check`.

mod answer;
mod check;
mod options;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::Response;
use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse,
};
use http_guard::serve::{Server, ShutdownSummary};
use http_guard::{LogLimiter, TrustedProxies, event, log_text};
use kliento_tower::WorkloadIdentity;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::service::Routes;

use self::answer::{allow, deny};
use self::check::Check;
pub(super) use self::options::ExtAuthzOptions;
use super::authorizer::{Authorizer, Unanswerable};
use super::metrics;
use super::traces::{TRACEPARENT, TraceContext};

/// The maximum size of a message from Envoy, which has the headers of the client's request: 60 KiB
/// by default, and 96 KiB as the documentation configures it.
const MAX_MESSAGE_OCTETS: usize = 256 * 1024;

static UNKNOWN_AUDIENCE: LogLimiter = LogLimiter::per_second(5);

/// Answers Envoy as [`Authorizer`] answers other proxies. Cheap to clone.
#[derive(Clone)]
pub(super) struct ExtAuthz(Arc<Inner>);

struct Inner {
    /// For the routes without an audience of their own.
    authorizer: Authorizer,
    /// For the routes of one of the layer's audiences, by that.
    routes: BTreeMap<String, Authorizer>,
    removes_authorization: bool,
}

impl ExtAuthz {
    /// Creates a service that answers as an authorizer of these audiences.
    pub(super) fn new(
        authorizer: Authorizer,
        audiences: &[String],
        removes_authorization: bool,
    ) -> Self {
        let route = |audience: &String| (audience.clone(), authorizer.with_only_audience(audience));
        let routes = audiences.iter().map(route).collect();
        Self(Arc::new(Inner { authorizer, routes, removes_authorization }))
    }

    /// Serves until `shutdown` completes, and then the open calls; with gRPC's health service.
    pub(super) async fn serve(
        self,
        listener: TcpListener,
        proxies: TrustedProxies,
        shutdown: impl Future<Output = ()>,
    ) -> ShutdownSummary {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_serving::<AuthorizationServer<Self>>().await;
        let service = AuthorizationServer::new(self).max_decoding_message_size(MAX_MESSAGE_OCTETS);
        let routes = Routes::new(health).add_service(service);
        let shutdown = async {
            shutdown.await;
            // Envoy sends no further requests when it checks the health.
            reporter.set_not_serving::<AuthorizationServer<Self>>().await;
        };
        Server::new().with_exempt_proxies(proxies).serve(listener, routes.prepare(), shutdown).await
    }

    /// Answers a message. One that is not about an HTTP request has no credentials.
    async fn answer(
        &self,
        request: &CheckRequest,
        trace: Option<TraceContext<'_>>,
    ) -> CheckResponse {
        let check = Check::new(request);
        let authorizer = &self.0.authorizer;
        let context = trace.or_else(|| check.trace_context());
        let response =
            authorizer.traces().trace("ext_authz", context, self.authorize(&check)).await;
        metrics::record("ext_authz", response.status());
        let headers = authorizer.headers();
        match response.extensions().get::<WorkloadIdentity>() {
            Some(identity) => {
                allow(identity, &response, headers, &check, self.0.removes_authorization)
            }
            None => deny(&response, headers, &check),
        }
    }

    async fn authorize(&self, check: &Check<'_>) -> Response<Bytes> {
        let credentials = check.credentials();
        let Some(audience) = check.audience() else {
            return self.0.authorizer.authorize(&credentials).await;
        };
        if let Some(route) = self.0.routes.get(audience) {
            return route.authorize(&credentials).await;
        }
        if let Some(suppressed) = UNKNOWN_AUDIENCE.allow() {
            let audience = log_text(audience);
            event!(error, audience, suppressed, "Envoy has a route of an unknown audience");
        }
        self.0.authorizer.render(Unanswerable::UnknownAudience)
    }
}

#[tonic::async_trait]
impl Authorization for ExtAuthz {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<tonic::Response<CheckResponse>, Status> {
        // Never a status: with `failure_mode_allow`, the request would pass.
        // The context of the call is that of Envoy's span, if Envoy has traces.
        let metadata = request.metadata().get(TRACEPARENT);
        let context = metadata.and_then(|value| TraceContext::parse(value.as_encoded_bytes()));
        Ok(tonic::Response::new(self.answer(request.get_ref(), context).await))
    }
}
