//! The service: attaches a token bundle, then calls the inner service.

use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::HeaderValue;
use http::header::AUTHORIZATION;
use http_guard::event;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::layer::LayerState;
use super::refresh_state::HeaderResult;
use super::refresher::{BundleRefresher, BundleState, wait_for_refresh};
use super::retry::{NoRetry, RetryPolicy};
use super::second_attempt::SecondAttempt;
use super::{BundleError, ClientError, OutgoingRequest};

/// The service of [`KlientoClientLayer`](super::KlientoClientLayer).
#[derive(Debug)]
pub struct KlientoClient<S, P = NoRetry> {
    inner: S,
    state: Arc<LayerState>,
    /// Distinguishes the services of a layer; clones share it.
    number: u64,
    policy: PhantomData<fn() -> P>,
}

pin_project! {
    /// The response future of [`KlientoClient`].
    pub struct ResponseFuture<S, R, P = NoRetry>
    where
        S: Service<R>,
    {
        #[pin]
        state: State<S, R, S::Future, S::Response>,
        policy: PhantomData<fn() -> P>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, F, T> {
        Pending { refresh: Refresh, request: Option<(S, R)> },
        // `None` if the request is not sent again.
        Calling { #[pin] future: F, retry: Option<Box<Retry<S, R>>> },
        // The response is that of the first attempt.
        Refused { attempt: Box<SecondAttempt<S, R>>, response: Option<T> },
        Rejected { error: Option<BundleError> },
    }
}

pub(super) type Refresh = Pin<Box<dyn Future<Output = HeaderResult> + Send>>;

/// What a second attempt needs.
struct Retry<S, R> {
    service: S,
    /// Without a bundle.
    request: R,
    refresher: BundleRefresher,
    /// The bundle of the first attempt.
    value: HeaderValue,
}

impl<S, P> KlientoClient<S, P> {
    pub(super) const fn new(inner: S, state: Arc<LayerState>, number: u64) -> Self {
        Self { inner, state, number, policy: PhantomData }
    }
}

impl<S, R, P> Service<R> for KlientoClient<S, P>
where
    S: Service<R> + Clone,
    R: OutgoingRequest,
    P: RetryPolicy<R, S::Response>,
{
    type Response = S::Response;
    type Error = ClientError<S::Error>;
    type Future = ResponseFuture<S, R, P>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(ClientError::Service)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        let refresher = match self.state.refresher(&request, self.number) {
            Ok(Some(refresher)) => refresher,
            Ok(None) => return ResponseFuture::calling(self.inner.call(request), None),
            Err(error) => return self.reject(error),
        };
        match refresher.get() {
            Ok(BundleState::Ready(ready)) => {
                let value = ready.value;
                // Only here: a bundle that the request waits for is as new as can be.
                let copy = P::copy(&request).map(|request| {
                    let (service, refresher) = (self.inner.clone(), refresher.clone());
                    Box::new(Retry { service, request, refresher, value: value.clone() })
                });
                attach(&mut request, value);
                ResponseFuture::calling(self.inner.call(request), copy)
            }
            Ok(BundleState::Pending(pending)) => {
                let clone = self.inner.clone();
                // The instance that was polled ready must be the one that is called.
                let ready = mem::replace(&mut self.inner, clone);
                let refresh = Box::pin(wait_for_refresh(pending));
                ResponseFuture::new(State::Pending { refresh, request: Some((ready, request)) })
            }
            Err(error) => self.reject(error),
        }
    }
}

impl<S: Clone, P> KlientoClient<S, P> {
    fn reject<R>(&mut self, error: BundleError) -> ResponseFuture<S, R, P>
    where
        S: Service<R>,
    {
        // A rejected request must not keep the ready inner service: replace it with a clone.
        self.inner = self.inner.clone();
        ResponseFuture::new(State::Rejected { error: Some(error) })
    }
}

impl<S: Clone, P> Clone for KlientoClient<S, P> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.state), self.number)
    }
}

impl<S: Service<R>, R, P> ResponseFuture<S, R, P> {
    const fn new(state: State<S, R, S::Future, S::Response>) -> Self {
        Self { state, policy: PhantomData }
    }

    const fn calling(future: S::Future, retry: Option<Box<Retry<S, R>>>) -> Self {
        Self::new(State::Calling { future, retry })
    }
}

impl<S, R, P> Future for ResponseFuture<S, R, P>
where
    S: Service<R>,
    R: OutgoingRequest,
    P: RetryPolicy<R, S::Response>,
{
    type Output = Result<S::Response, ClientError<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Pending { refresh, request } => {
                    let result = ready!(refresh.as_mut().poll(context));
                    let Some((mut service, mut request)) = request.take() else {
                        return Poll::Pending;
                    };
                    state.set(match result {
                        Ok(ready) => {
                            attach(&mut request, ready.value);
                            State::Calling { future: service.call(request), retry: None }
                        }
                        Err(error) => State::Rejected { error: Some(error) },
                    });
                }
                StateProjection::Calling { future, retry } => {
                    let response = ready!(future.poll(context)).map_err(ClientError::Service)?;
                    let retry = retry.take().filter(|_| P::is_refused(&response));
                    let Some(attempt) = retry.and_then(|retry| retry.begin()) else {
                        return Poll::Ready(Ok(response));
                    };
                    let (attempt, response) = (Box::new(attempt), Some(response));
                    state.set(State::Refused { attempt, response });
                }
                StateProjection::Refused { attempt, response } => {
                    let second = ready!(attempt.poll(context)).map_err(ClientError::Service)?;
                    let Some(future) = second else {
                        let Some(response) = response.take() else { return Poll::Pending };
                        return Poll::Ready(Ok(response));
                    };
                    state.set(State::Calling { future, retry: None });
                }
                StateProjection::Rejected { error } => {
                    let Some(error) = error.take() else { return Poll::Pending };
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
    }
}

impl<S, R> Retry<S, R> {
    /// Begins to wait for another bundle than the refused one, if the source may be queried.
    fn begin(self) -> Option<SecondAttempt<S, R>> {
        let Self { service, request, refresher, value } = self;
        let refresh: Refresh = match refresher.replace(&value)? {
            BundleState::Ready(newer) => Box::pin(std::future::ready(Ok(newer))),
            BundleState::Pending(pending) => Box::pin(wait_for_refresh(pending)),
        };
        Some(SecondAttempt::new(service, request, refresh, value))
    }
}

pub(super) fn attach(request: &mut impl OutgoingRequest, value: HeaderValue) {
    request.headers_mut().insert(AUTHORIZATION, value);
    event!(debug, "token bundle attached");
}
