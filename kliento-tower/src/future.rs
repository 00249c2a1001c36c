//! The future of a response, which verifies the bundle first if it is not cached.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use crate::authenticator::CacheMiss;
use crate::layer::LayerState;
use crate::service::ResponseBody;
use crate::singleflight::Decision;
use crate::telemetry::{CacheStatus, RequestTelemetry};

pin_project! {
    /// The response future of [`KlientoAuth`](crate::KlientoAuth).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, S::Future, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, B> {
        Pending { lookup: Lookup, request: Option<PendingRequest<S, B>> },
        Calling { #[pin] future: F, span: Span },
        Rejected { response: Option<Box<Response<Bytes>>> },
    }
}

type Lookup = Pin<Box<dyn Future<Output = (Decision, CacheStatus)> + Send>>;

/// The request and the service that receives it after the decision.
struct PendingRequest<S, B> {
    state: Arc<LayerState>,
    service: S,
    request: Request<B>,
    telemetry: RequestTelemetry,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) const fn calling(future: S::Future, span: Span) -> Self {
        Self { state: State::Calling { future, span } }
    }

    pub(crate) const fn rejected(response: Box<Response<Bytes>>) -> Self {
        Self { state: State::Rejected { response: Some(response) } }
    }

    pub(crate) fn pending(
        state: Arc<LayerState>,
        miss: CacheMiss,
        service: S,
        request: Request<B>,
        telemetry: RequestTelemetry,
    ) -> Self {
        let shared = Arc::clone(&state);
        let lookup = Box::pin(async move { shared.authenticator.authenticate(miss).await });
        let request = Some(PendingRequest { state, service, request, telemetry });
        Self { state: State::Pending { lookup, request } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Pending { lookup, request } => {
                    let (decision, cache) = ready!(lookup.as_mut().poll(context));
                    let Some(mut request) = request.take() else { return Poll::Pending };
                    request.telemetry.cache = cache;
                    state.set(request.resume(decision));
                }
                StateProjection::Calling { future, span } => {
                    let _entered = span.enter();
                    let response = ready!(future.poll(context));
                    return Poll::Ready(response.map(|response| response.map(Either::Left)));
                }
                StateProjection::Rejected { response } => {
                    let Some(response) = response.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(response.map(|body| Either::Right(Full::new(body)))));
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> PendingRequest<S, B> {
    fn resume(mut self, decision: Decision) -> State<S, S::Future, B> {
        match self.state.finish(self.request, decision, self.telemetry) {
            Ok((request, span)) => {
                let future = span.in_scope(|| self.service.call(request));
                State::Calling { future, span }
            }
            Err(response) => State::Rejected { response: Some(response) },
        }
    }
}
