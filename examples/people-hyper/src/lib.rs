//! A service on bare hyper where people log in: rate limits, sessions and permissions.
//!
//! Each route is a Tower service with its own layers, and [`service`] routes by method and path.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod login;
mod reports;
mod response;

use std::convert::Infallible;

use http::{Method, Request, StatusCode};
use http_guard::serve::RequestBody;
use kleidia_tower::account::Accounts;
use kleidia_tower::audit::MatchedRoute;
use kleidia_tower::rate_limit::{Key, Limit, RateLimitLayer};
use kleidia_tower::rbac::{PermissionError, Requirement};
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::response::{HttpResponse, empty};

/// A boxed service: one route, or all of them.
pub type Route = BoxCloneSyncService<Request<RequestBody>, HttpResponse, Infallible>;

/// Returns the whole service, with a limit of requests per client address.
///
/// The server has to insert the peer address, as `http_guard::serve` does.
///
/// # Errors
/// [`PermissionError`] if the name of the permission is invalid.
pub fn service(accounts: &Accounts, limit: Limit) -> Result<Route, PermissionError> {
    let may_read = Requirement::permission("reports:read".parse()?);
    let login = {
        let accounts = accounts.clone();
        service_fn(move |request| login::log_in(accounts.clone(), request))
    };
    let login = BoxCloneSyncService::new(login);
    let me = ServiceBuilder::new()
        .map_response(response::boxed)
        .layer(accounts.session_layer())
        .service_fn(reports::me);
    let reports = ServiceBuilder::new()
        .map_response(response::boxed)
        .layer(accounts.session_layer())
        .layer(accounts.require(may_read))
        .service_fn(reports::list);
    let (me, reports) = (BoxCloneSyncService::new(me), BoxCloneSyncService::new(reports));

    let routes = service_fn(move |mut request: Request<RequestBody>| {
        let route: Option<(&str, &Route)> = match (request.method(), request.uri().path()) {
            (&Method::POST, "/login") => Some(("/login", &login)),
            (&Method::GET, "/me") => Some(("/me", &me)),
            (&Method::GET, "/reports") => Some(("/reports", &reports)),
            _ => None,
        };
        let route = route.map(|(pattern, route)| {
            // Records of denials name the route.
            request.extensions_mut().insert(MatchedRoute::new(pattern));
            route.clone()
        });
        async move {
            match route {
                Some(route) => route.oneshot(request).await,
                None => Ok(empty(StatusCode::NOT_FOUND)),
            }
        }
    });
    let limits = RateLimitLayer::new().with_limit(Key::address(), limit);
    let service = ServiceBuilder::new().map_response(response::boxed).layer(limits).service(routes);
    Ok(BoxCloneSyncService::new(service))
}
