//! Sends a request with credentials through a layer, and returns the outcome.

use std::convert::Infallible;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use kliento_tower::{KlientoAuthLayer, Rejection, WorkloadIdentity};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// The identity that the inner service receives, or the rejection.
pub(crate) type Outcome = Result<WorkloadIdentity, Rejection>;

/// Sends credentials through a layer, and returns the outcome.
pub(crate) async fn send(layer: &KlientoAuthLayer, credentials: &HeaderValue) -> Outcome {
    let service = layer.layer(service_fn(echo_extensions));
    let Ok(response) = service.oneshot(request(credentials)).await;
    outcome(response)
}

/// A request with these credentials.
pub(crate) fn request(credentials: &HeaderValue) -> Request<()> {
    let mut request = Request::new(());
    request.headers_mut().insert(AUTHORIZATION, credentials.clone());
    request
}

/// A service that copies the extensions of the request to the response.
pub(crate) async fn echo_extensions(request: Request<()>) -> Result<Response<String>, Infallible> {
    let mut response = Response::new(String::new());
    *response.extensions_mut() = request.into_parts().0.extensions;
    Ok(response)
}

/// Returns the outcome from the extensions of a response.
pub(crate) fn outcome<B>(mut response: Response<B>) -> Outcome {
    let extensions = response.extensions_mut();
    match (extensions.remove::<WorkloadIdentity>(), extensions.remove::<Rejection>()) {
        (Some(identity), None) => Ok(identity),
        (None, Some(rejection)) => Err(rejection),
        both => panic!("neither accepted nor rejected: {both:?}"),
    }
}
