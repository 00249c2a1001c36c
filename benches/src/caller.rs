//! A caller of a service with `KlientoAuthLayer` and an inner service that only echoes.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use kliento_tower::{
    Clock as _, KlientoAuth, KlientoAuthLayer, ResponseBody, SystemClock, TrustAnchors, clock_fn,
};
use tower::{Layer as _, Service};

use crate::Bundle;

/// A service with the layer, called without a runtime: it never waits.
#[derive(Clone, Debug)]
pub struct Caller(KlientoAuth<Echo>);

/// Returns the request, so that dropping it does not count as time of the call.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

/// The response: the request itself, or a rejection.
pub type EchoResponse = Response<ResponseBody<Request<()>>>;

impl Caller {
    /// Creates a caller of a service with this layer.
    #[must_use]
    pub fn new(layer: &KlientoAuthLayer) -> Self {
        Self(layer.layer(Echo))
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If the layer waits.
    pub fn call(&mut self, request: Request<()>) -> EchoResponse {
        let mut context = Context::from_waker(Waker::noop());
        assert!(self.0.poll_ready(&mut context).is_ready(), "always ready");
        match pin!(self.0.call(request)).poll(&mut context) {
            Poll::Ready(Ok(response)) => response,
            Poll::Pending => panic!("the layer waited"),
        }
    }
}

/// Calls a service that never waits.
///
/// # Panics
/// If the service waits, or rejects the request.
pub fn call<S, B>(service: &mut S, request: Request<()>) -> Response<B>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready(), "always ready");
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) if response.status().is_success() => response,
        _ => panic!("rejected or pending"),
    }
}

impl Service<Request<()>> for Echo {
    type Response = Response<Request<()>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(request)))
    }
}

impl Bundle {
    /// Returns a layer with empty caches for the bundle's audience, anchors and instant.
    #[must_use]
    pub fn layer(&self) -> KlientoAuthLayer {
        let at = self.at;
        KlientoAuthLayer::new(&self.audience)
            .with_trust_anchors(TrustAnchors::new(self.trust_anchors.iter().cloned()))
            // Reads the clock, as in production, but ignores its time.
            .with_clock(clock_fn(move || SystemClock.now().map(|_| at)))
    }

    /// Returns a request that carries the bundle.
    #[must_use]
    pub fn request(&self) -> Request<()> {
        let request = Request::builder().header(AUTHORIZATION, &self.header);
        request.body(()).expect("a valid header value")
    }
}
