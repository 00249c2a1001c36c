//! The future of a response, which awaits the guard's lookup first if there is one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::service::reject;
use crate::stream::{StreamWatch, UnansweredCall, watch_response};
use crate::telemetry::IsolatedSpan;
use crate::{Allowed, Guard, LookupFuture, ResponseBody};

pin_project! {
    /// The future of [`GuardedService`](crate::GuardedService)'s responses.
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
        Pending { lookup: LookupFuture<G::Lookup>, request: Option<Box<PendingRequest<S, B, G>>> },
        Calling {
            #[pin] future: F,
            span: IsolatedSpan,
            response_headers: Option<Box<HeaderMap>>,
            watch: Option<StreamWatch>,
            // `None` without a watch.
            call: Option<UnansweredCall>,
        },
        Rejected { response: Option<Box<Response<Bytes>>> },
    }
}

/// The request and its service until the lookup completes.
///
/// It is boxed, so that the futures of requests that await no lookup are small.
struct PendingRequest<S, B, G> {
    guard: Arc<G>,
    service: S,
    request: Request<B>,
}

impl<S: Service<Request<B>>, B, G: Guard> ResponseFuture<S, B, G> {
    pub(crate) const fn calling(
        future: S::Future,
        span: IsolatedSpan,
        response_headers: Option<Box<HeaderMap>>,
        watch: Option<StreamWatch>,
        call: Option<UnansweredCall>,
    ) -> Self {
        Self { state: State::Calling { future, span, response_headers, watch, call } }
    }

    pub(crate) const fn rejected(response: Box<Response<Bytes>>) -> Self {
        Self { state: State::Rejected { response: Some(response) } }
    }

    pub(crate) fn pending(
        guard: Arc<G>,
        lookup: LookupFuture<G::Lookup>,
        service: S,
        request: Request<B>,
    ) -> Self {
        let request = Some(Box::new(PendingRequest { guard, service, request }));
        Self { state: State::Pending { lookup, request } }
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
                StateProjection::Pending { lookup, request } => {
                    let lookup = ready!(lookup.as_mut().poll(context));
                    let Some(request) = request.take() else { return Poll::Pending };
                    state.set(request.resume(lookup));
                }
                StateProjection::Calling { future, span, response_headers, watch, call } => {
                    let watched = call.as_mut().zip(watch.as_ref());
                    let mut response = match ready!(poll_call(future, span, watched, context)) {
                        Ok(response) => response?,
                        Err(end) => {
                            // Drops the call.
                            state.set(State::Rejected { response: Some(end) });
                            continue;
                        }
                    };
                    if let Some(headers) = response_headers {
                        append(response.headers_mut(), headers);
                    }
                    return Poll::Ready(Ok(watch_response(response, watch.as_ref())));
                }
                StateProjection::Rejected { response } => {
                    let Some(response) = response.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(response.map(|body| Either::Right(Full::new(body)))));
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B, G: Guard> PendingRequest<S, B, G> {
    fn resume(mut self, lookup: G::Lookup) -> State<S, S::Future, B, G> {
        match self.guard.finish(&mut self.request, lookup) {
            Ok(Allowed { span, response_headers, watch }) => {
                let span = IsolatedSpan::from(span);
                let call = watch.as_ref().and_then(|_| UnansweredCall::of_request(&self.request));
                let future = span.in_scope(|| self.service.call(self.request));
                State::Calling { future, span, response_headers, watch, call }
            }
            Err(rejection) => {
                let response = reject(&*self.guard, self.request, rejection);
                State::Rejected { response: Some(response) }
            }
        }
    }
}

/// Polls the call of the inner service. Returns another response if its stream ends first.
fn poll_call<F: Future>(
    future: Pin<&mut F>,
    span: &IsolatedSpan,
    watched: Option<(&mut UnansweredCall, &StreamWatch)>,
    context: &mut Context<'_>,
) -> Poll<Result<F::Output, Box<Response<Bytes>>>> {
    let Some((call, watch)) = watched else {
        return span.in_scope(|| future.poll(context)).map(Ok);
    };
    let end = match ready!(call.poll_run(context)) {
        Some(end) => end,
        None => match span.in_scope(|| future.poll(context)) {
            Poll::Ready(output) => return Poll::Ready(Ok(output)),
            Poll::Pending => ready!(call.poll_end(watch, context)),
        },
    };
    Poll::Ready(Err(Box::new(call.end(end))))
}

/// Appends, since inner layers may have sent headers of the same names.
fn append(to: &mut HeaderMap, headers: &HeaderMap) {
    for (name, value) in headers {
        to.append(name, value.clone());
    }
}
