//! The future of a response, in which a guard finds out what it has to know first.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::guard::{Guard, Passed};
use crate::service::{ResponseBody, refuse};

pin_project! {
    /// The future of [`Guarded`](crate::Guarded)'s responses.
    pub struct ResponseFuture<S, B, G>
    where
        S: Service<Request<B>>,
        G: Guard,
    {
        #[pin]
        state: State<S, S::Future, B, G>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, B, G> where G: Guard {
        Waiting { finding: Finding<G>, next: Option<Box<Next<S, B, G>>> },
        Called { #[pin] future: F, headers: Option<Box<HeaderMap>> },
        Refused { response: Option<Box<Response<Bytes>>> },
    }
}

type Finding<G> = Pin<Box<dyn Future<Output = <G as Guard>::Finding> + Send>>;

/// What follows the finding.
struct Next<S, B, G> {
    guard: Arc<G>,
    service: S,
    request: Request<B>,
}

impl<S: Service<Request<B>>, B, G: Guard> ResponseFuture<S, B, G> {
    pub(crate) const fn called(future: S::Future, headers: Option<Box<HeaderMap>>) -> Self {
        Self { state: State::Called { future, headers } }
    }

    pub(crate) const fn refused(response: Box<Response<Bytes>>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(crate) fn waiting(
        guard: Arc<G>,
        finding: Finding<G>,
        service: S,
        request: Request<B>,
    ) -> Self {
        // In a box, so that the futures of those that wait for nothing are small.
        let next = Some(Box::new(Next { guard, service, request }));
        Self { state: State::Waiting { finding, next } }
    }
}

impl<S, B, R, G> Future for ResponseFuture<S, B, G>
where
    S: Service<Request<B>, Response = Response<R>>,
    G: Guard,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Waiting { finding, next } => {
                    let finding = ready!(finding.as_mut().poll(context));
                    let Some(next) = next.take() else { return Poll::Pending };
                    state.set(next.follow(finding));
                }
                StateProjection::Called { future, headers } => {
                    let mut response = ready!(future.poll(context))?;
                    if let Some(headers) = headers.take() {
                        append(response.headers_mut(), &headers);
                    }
                    return Poll::Ready(Ok(response.map(Either::Left)));
                }
                StateProjection::Refused { response } => {
                    let Some(response) = response.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(response.map(|body| Either::Right(Full::new(body)))));
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B, G: Guard> Next<S, B, G> {
    fn follow(mut self, finding: G::Finding) -> State<S, S::Future, B, G> {
        match self.guard.finish(&mut self.request, finding) {
            Ok(Passed { headers }) => {
                State::Called { future: self.service.call(self.request), headers }
            }
            Err(rejection) => {
                let response = refuse(&*self.guard, self.request, rejection);
                State::Refused { response: Some(response) }
            }
        }
    }
}

/// Layers inside may have said something of the same name, which holds too.
fn append(to: &mut HeaderMap, headers: &HeaderMap) {
    for (name, value) in headers {
        to.append(name, value.clone());
    }
}
