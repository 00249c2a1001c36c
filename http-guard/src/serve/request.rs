//! The service of one connection: it inserts the peer and counts open requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::activity::{Activity, OpenRequest};
use super::body::RequestBody;
use super::body_wait::{BodyWait, WaitGuard};
use super::listener::Peer;
use super::rate::RateTimeout;
use super::unsent::Unsent;

#[derive(Debug)]
pub(super) struct ConnectionService<S> {
    service: TowerToHyperService<S>,
    peer: Peer,
    activity: Arc<Activity>,
    body_timeout: Option<RateTimeout>,
}

impl<S> ConnectionService<S> {
    pub(super) fn new(
        service: S,
        peer: Peer,
        activity: Arc<Activity>,
        body_timeout: Option<RateTimeout>,
    ) -> Self {
        Self { service: TowerToHyperService::new(service), peer, activity, body_timeout }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for ConnectionService<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.peer.insert_into(request.extensions_mut());
        let is_connect = request.method() == Method::CONNECT;
        let is_tunnel = is_connect && request.version() == Version::HTTP_2;
        let has_body = !request.body().is_end_stream();
        let open = Some(Arc::new(self.activity.open_request(has_body)));
        let wait = has_body.then(|| BodyWait::new(Arc::clone(&self.activity)));
        let wait_guard = wait.as_ref().map(BodyWait::guard);
        let request = request.map(|body| RequestBody::new(body, self.body_timeout, wait));
        let response = self.service.call(request);
        ResponseFuture { response, wait_guard, open, is_connect, is_tunnel }
    }
}

pin_project! {
    /// The future of a response.
    pub(super) struct ResponseFuture<S>
    where
        S: Service<Request<RequestBody>>,
    {
        #[pin]
        response: TowerToHyperServiceFuture<S, Request<RequestBody>>,
        // Dropped in this order: the wait ends before its request.
        wait_guard: Option<WaitGuard>,
        open: Option<Arc<OpenRequest>>,
        is_connect: bool,
        is_tunnel: bool,
    }
}

impl<S, B> Future for ResponseFuture<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>>,
{
    type Output = Result<Response<ResponseBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx))?;
        drop(this.wait_guard.take());
        let open = this.open.take();
        // HTTP/1 hands the stream of a tunnel over; in HTTP/2 it stays part of the connection.
        if *this.is_tunnel && response.status().is_success() {
            if let Some(open) = &open {
                open.keep_open();
            }
        }
        let status = response.status();
        if status == StatusCode::SWITCHING_PROTOCOLS || *this.is_connect && status.is_success() {
            if let Some(open) = &open {
                open.upgrade();
            }
        }
        Poll::Ready(Ok(response.map(|body| ResponseBody { body, open })))
    }
}

pin_project! {
    /// A response body, whose request is open until it and its data are dropped.
    #[derive(Debug)]
    pub(super) struct ResponseBody<B> {
        #[pin]
        body: B,
        open: Option<Arc<OpenRequest>>,
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = Unsent<B::Data>;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        let unsent = |data| Unsent::new(data, this.open.clone());
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(unsent))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
