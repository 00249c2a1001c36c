//! The future of a response, in which an unknown bundle is verified first.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use crate::authenticator::Unknown;
use crate::flights::Verdict;
use crate::layer::Shared;
use crate::observation::{CacheUse, Observation};
use crate::service::ResponseBody;

pin_project! {
    /// The future of [`KlientoAuth`](crate::KlientoAuth)'s responses.
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
        Verifying { verdict: Verifying, next: Option<Next<S, B>> },
        Called { #[pin] future: F, span: Span },
        Refused { response: Option<Box<Response<Bytes>>> },
    }
}

type Verifying = Pin<Box<dyn Future<Output = (Verdict, CacheUse)> + Send>>;

/// What follows the verdict.
struct Next<S, B> {
    shared: Arc<Shared>,
    service: S,
    request: Request<B>,
    observation: Observation,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) const fn called(future: S::Future, span: Span) -> Self {
        Self { state: State::Called { future, span } }
    }

    pub(crate) const fn refused(response: Box<Response<Bytes>>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(crate) fn verify(
        shared: Arc<Shared>,
        unknown: Unknown,
        service: S,
        request: Request<B>,
        observation: Observation,
    ) -> Self {
        let verifier = Arc::clone(&shared);
        let verdict = Box::pin(async move { verifier.authenticator.find_out(unknown).await });
        let next = Some(Next { shared, service, request, observation });
        Self { state: State::Verifying { verdict, next } }
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
                StateProjection::Verifying { verdict, next } => {
                    let (verdict, cache) = ready!(verdict.as_mut().poll(context));
                    let Some(mut next) = next.take() else { return Poll::Pending };
                    next.observation.cache = cache;
                    state.set(next.follow(verdict));
                }
                StateProjection::Called { future, span } => {
                    let _entered = span.enter();
                    let response = ready!(future.poll(context));
                    return Poll::Ready(response.map(|response| response.map(Either::Left)));
                }
                StateProjection::Refused { response } => {
                    let Some(response) = response.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(response.map(|body| Either::Right(Full::new(body)))));
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> Next<S, B> {
    fn follow(mut self, verdict: Verdict) -> State<S, S::Future, B> {
        match self.shared.decide(self.request, verdict, self.observation) {
            Ok((request, span)) => {
                let future = span.in_scope(|| self.service.call(request));
                State::Called { future, span }
            }
            Err(response) => State::Refused { response: Some(response) },
        }
    }
}
