//! The bare bodies, and the service that responds with them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use tower::Service;

/// Responds with streams.
#[derive(Clone, Copy)]
pub(crate) struct Streams {
    pub(crate) content_type: &'static str,
    pub(crate) body: Messages,
}

/// A body with the same message again and again, or with none.
#[derive(Clone, Copy)]
pub(crate) struct Messages(pub(crate) Option<&'static [u8]>);

impl Body for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.map_or(Poll::Pending, |message| {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(message)))))
        })
    }
}

impl Service<Request<()>> for Streams {
    type Response = Response<Messages>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::new(self.body);
        let content_type = HeaderValue::from_static(self.content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        ready(Ok(response))
    }
}
