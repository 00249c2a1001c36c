//! A request with credentials, sent through a layer, and what came of it.

use std::convert::Infallible;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use kliento_tower::{KlientoAuthLayer, Rejection, WorkloadIdentity};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// Who is calling, as the service learns it, or why the request is refused.
pub(crate) type Outcome = Result<WorkloadIdentity, Rejection>;

/// Sends credentials through a layer, and tells what came of it.
pub(crate) async fn send(layer: &KlientoAuthLayer, credentials: &HeaderValue) -> Outcome {
    let service = layer.layer(service_fn(tell));
    let Ok(response) = service.oneshot(request(credentials)).await;
    outcome(response)
}

/// A request with these credentials.
pub(crate) fn request(credentials: &HeaderValue) -> Request<()> {
    let mut request = Request::new(());
    request.headers_mut().insert(AUTHORIZATION, credentials.clone());
    request
}

/// A service whose responses carry what it was told.
pub(crate) async fn tell(request: Request<()>) -> Result<Response<String>, Infallible> {
    let mut response = Response::new(String::new());
    *response.extensions_mut() = request.into_parts().0.extensions;
    Ok(response)
}

/// What a response of [`tell`], or a refusal, says.
pub(crate) fn outcome<B>(mut response: Response<B>) -> Outcome {
    let extensions = response.extensions_mut();
    match (extensions.remove::<WorkloadIdentity>(), extensions.remove::<Rejection>()) {
        (Some(identity), None) => Ok(identity),
        (None, Some(rejection)) => Err(rejection),
        both => panic!("neither accepted nor refused: {both:?}"),
    }
}
