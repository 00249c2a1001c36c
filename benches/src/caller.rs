//! A caller of a service that has `KlientoAuthLayer` and does nothing else.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use kliento_tower::{
    Clock as _, KlientoAuth, KlientoAuthLayer, ResponseBody, SystemClock, TrustAnchors,
};
use tower::{Layer as _, Service};

use crate::Bundle;

/// A service under the layer, which is called without a runtime: nothing in it waits.
#[derive(Clone, Debug)]
pub struct Caller(KlientoAuth<Echo>);

/// Gives requests back, so that whoever times a call can drop them in their own time.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

/// What comes back: the request if the layer let it pass, or its refusal.
pub type Answer = Response<ResponseBody<Request<()>>>;

impl Caller {
    /// A caller of a service with this layer.
    #[must_use]
    pub fn new(layer: &KlientoAuthLayer) -> Self {
        Self(layer.layer(Echo))
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If the layer waits for something, for which there is no reason.
    pub fn call(&mut self, request: Request<()>) -> Answer {
        let mut context = Context::from_waker(Waker::noop());
        assert!(self.0.poll_ready(&mut context).is_ready(), "it is always ready");
        match pin!(self.0.call(request)).poll(&mut context) {
            Poll::Ready(Ok(answer)) => answer,
            Poll::Pending => panic!("there is nothing to wait for"),
        }
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
    /// A layer that has seen nothing yet, for the bundle's audience, anchors and instant.
    #[must_use]
    pub fn layer(&self) -> KlientoAuthLayer {
        let at = self.at;
        KlientoAuthLayer::new(&self.audience)
            .with_trust_anchors(TrustAnchors::new(self.trust_anchors.iter().cloned()))
            // The clock is read, as it is in production, but not believed.
            .with_clock(move || SystemClock.now().map(|_| at))
    }

    /// A request that carries the bundle.
    #[must_use]
    pub fn request(&self) -> Request<()> {
        let request = Request::builder().header(AUTHORIZATION, &self.header);
        request.body(()).expect("a header's value")
    }
}
