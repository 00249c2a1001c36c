//! The service, on bare hyper: one layer per credential policy.

use std::convert::Infallible;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use http_guard::serve::RequestBody;
use hyper::body::Bytes;
use kliento_tower::{CredentialPolicy, KlientoAuthLayer, ResponseBody, WorkloadIdentity};
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::caller::Caller;

type HttpResponse = Response<Full<Bytes>>;

/// Routes by path: `/whoami` requires credentials, `/optional` allows missing ones, `/public` has
/// no layer.
pub(crate) fn service(
    layer: KlientoAuthLayer,
) -> impl Service<
    Request<RequestBody>,
    Response = Response<ResponseBody<Full<Bytes>>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let lenient = layer.clone().with_policy(CredentialPolicy::AllowMissing);
    let whoami = ServiceBuilder::new().layer(layer).service(service_fn(whoami));
    let optional = ServiceBuilder::new().layer(lenient).service(service_fn(optional));
    service_fn(move |request: Request<RequestBody>| {
        let (whoami, optional) = (whoami.clone(), optional.clone());
        async move {
            match request.uri().path() {
                "/whoami" => whoami.oneshot(request).await,
                "/optional" => optional.oneshot(request).await,
                "/public" => Ok(text("open to all\n").map(Either::Right)),
                _ => Ok(empty(StatusCode::NOT_FOUND).map(Either::Right)),
            }
        }
    })
}

async fn whoami(request: Request<RequestBody>) -> Result<HttpResponse, Infallible> {
    let caller = request.extensions().get::<WorkloadIdentity>().map(Caller::from);
    let json = caller.and_then(|caller| serde_json::to_vec(&caller).ok());
    let Some(json) = json else { return Ok(empty(StatusCode::INTERNAL_SERVER_ERROR)) };
    let mut response = Response::new(json.into());
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

async fn optional(request: Request<RequestBody>) -> Result<HttpResponse, Infallible> {
    let caller = request.extensions().get::<WorkloadIdentity>();
    let name = caller.map_or("anonymous", WorkloadIdentity::subject);
    Ok(text(format!("{name}\n")))
}

fn text(text: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(text.into()));
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn empty(status: StatusCode) -> HttpResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
