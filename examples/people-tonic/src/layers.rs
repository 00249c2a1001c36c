//! The layers around the service, and the permission of each method.

use std::convert::Infallible;

use http::{HeaderValue, Request, Response};
use http_guard::serve::RequestBody;
use kleidia_tower::account::Accounts;
use kleidia_tower::audit::MatchedRoute;
use kleidia_tower::rate_limit::{Key, Limit, RateLimitLayer};
use kleidia_tower::rbac::{PermissionError, Requirement, WorkloadRules};
use kliento_tower::KlientoAuthLayer;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};

use crate::ReportStore;
use crate::v1::reports_server::ReportsServer;

/// The whole service.
pub type Grpc = BoxCloneSyncService<Request<RequestBody>, Response<Body>, Infallible>;

/// Returns the service with its layers.
///
/// `limit` applies to each client address, so the server has to insert the peer address, as
/// `http_guard::serve` does.
///
/// # Errors
/// [`PermissionError`] if the name of a permission is invalid.
pub fn service(
    accounts: &Accounts,
    workloads: KlientoAuthLayer,
    rules: WorkloadRules,
    limit: Limit,
) -> Result<Grpc, PermissionError> {
    // Each scheme is left to the layer that checks it. The challenges of 401 name both.
    let bearer = HeaderValue::from_static(r#"Bearer realm="people""#);
    let kliento = HeaderValue::from_static(r#"Kliento realm="workloads""#);
    let session = accounts.session_layer().with_passthrough_scheme(kliento);
    let workloads = workloads.with_passthrough_scheme(bearer);
    let service = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(RateLimitLayer::new().with_limit(Key::address(), limit))
        .layer(session)
        .layer(workloads)
        .layer(rules)
        .service(by_method(accounts)?);
    Ok(BoxCloneSyncService::new(service))
}

/// Routes each method to the service behind an `RbacLayer` with its permission.
fn by_method(accounts: &Accounts) -> Result<Grpc, PermissionError> {
    let reports = ReportsServer::new(ReportStore::default());
    let require = |permission: &str| {
        let layer = accounts.require(Requirement::permission(permission.parse()?));
        Ok::<_, PermissionError>(layer.layer(reports.clone()))
    };
    let (read, publish) = (require("reports:read")?, require("reports:publish")?);
    let route = service_fn(move |mut request: Request<RequestBody>| {
        const GET: &str = "/people.example.v1.Reports/Get";
        const LIST: &str = "/people.example.v1.Reports/List";
        const PUBLISH: &str = "/people.example.v1.Reports/Publish";
        const WATCH: &str = "/people.example.v1.Reports/Watch";
        const PUBLISH_EACH: &str = "/people.example.v1.Reports/PublishEach";
        const IMPORT: &str = "/people.example.v1.Reports/Import";
        let service = match request.uri().path() {
            GET => Some((GET, &read)),
            LIST => Some((LIST, &read)),
            PUBLISH => Some((PUBLISH, &publish)),
            WATCH => Some((WATCH, &read)),
            PUBLISH_EACH => Some((PUBLISH_EACH, &publish)),
            IMPORT => Some((IMPORT, &publish)),
            // Denied by default, so a new method has to be added here.
            _ => None,
        };
        let service = service.map(|(method, service)| {
            // Records of denials name the method.
            request.extensions_mut().insert(MatchedRoute::new(method));
            service.clone()
        });
        async move {
            match service {
                Some(service) => Ok(service.oneshot(request).await?.map(Body::new)),
                None => Ok(Status::unimplemented("unknown method").into_http()),
            }
        }
    });
    Ok(BoxCloneSyncService::new(route))
}
