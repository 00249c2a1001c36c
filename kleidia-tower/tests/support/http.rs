//! Requests through a layer to a service that responds with the identity of the caller.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use kleidia_tower::session::SessionView;
use kleidia_tower::{Principal, Rejection, Unauthenticated};
use serde_json::Value;
use tower::{Layer, Service, ServiceExt as _};

/// Responds with the name of the principal, or with `anonymous` and the code of the rejection.
#[derive(Clone, Copy)]
pub(crate) struct WhoamiService;

pub(crate) fn request(authorizations: &[&str]) -> Request<String> {
    let mut request = Request::new(String::new());
    for value in authorizations {
        request.headers_mut().append(AUTHORIZATION, value.parse().unwrap());
    }
    request
}

/// Creates a request with this path and these headers.
pub(crate) fn request_to(path: &str, headers: &[(&'static str, &str)]) -> Request<String> {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let mut request = Request::new(String::new());
    *request.uri_mut() = path.parse().unwrap();
    *request.headers_mut() = headers.collect::<HeaderMap>();
    request
}

pub(crate) async fn send<L, B>(layer: L, request: Request<String>) -> Response<Bytes>
where
    L: Layer<WhoamiService>,
    L::Service: Service<Request<String>, Response = Response<B>, Error = Infallible>,
    B: BodyExt<Data = Bytes>,
    B::Error: Debug,
{
    let response = layer.layer(WhoamiService).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// Returns the response of the service, or the code of the rejection.
pub(crate) fn outcome(response: &Response<Bytes>) -> String {
    let body = str::from_utf8(response.body()).unwrap();
    match response.extensions().get::<Rejection>() {
        None => body.to_owned(),
        Some(rejection) => {
            let problem: Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem.get("code").unwrap(), rejection.code());
            assert_eq!(problem.get("status").unwrap(), response.status().as_u16());
            rejection.code().to_owned()
        }
    }
}

pub(crate) fn challenges(response: &Response<Bytes>) -> Vec<&str> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

impl<B> Service<Request<B>> for WhoamiService {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let extensions = request.extensions();
        let name = extensions.get().map_or("anonymous", Principal::name);
        let session = extensions.get::<SessionView>().map(|view| view.account.name.as_str());
        let reason = extensions.get().map(|missing: &Unauthenticated| missing.rejection().code());
        assert_eq!(
            session,
            extensions.get().and_then(Principal::session).map(|view| view.account.name.as_str())
        );
        let mut authorizations = request.headers().get_all(AUTHORIZATION).iter();
        assert!(authorizations.all(http::HeaderValue::is_sensitive));
        let reason = reason.map(|code| format!(": {code}")).unwrap_or_default();
        ready(Ok(Response::new(format!("{name}{reason}"))))
    }
}
