//! The service: attaches a token bundle, then calls the inner service.

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
use super::{BundleError, ClientError, OutgoingRequest};

/// The service of [`KlientoClientLayer`](super::KlientoClientLayer).
#[derive(Clone, Debug)]
pub struct KlientoClient<S> {
    inner: S,
    state: Arc<LayerState>,
    /// Distinguishes the services of a layer; clones share it.
    number: u64,
}

pin_project! {
    /// The response future of [`KlientoClient`].
    pub struct ResponseFuture<S, R>
    where
        S: Service<R>,
    {
        #[pin]
        state: State<S, R, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, F> {
        Pending { refresh: Refresh, request: Option<(S, R)> },
        Calling { #[pin] future: F },
        Rejected { error: Option<BundleError> },
    }
}

type Refresh = Pin<Box<dyn Future<Output = HeaderResult> + Send>>;

impl<S> KlientoClient<S> {
    pub(super) const fn new(inner: S, state: Arc<LayerState>, number: u64) -> Self {
        Self { inner, state, number }
    }
}

impl<S, R> Service<R> for KlientoClient<S>
where
    S: Service<R> + Clone,
    R: OutgoingRequest,
{
    type Response = S::Response;
    type Error = ClientError<S::Error>;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(ClientError::Service)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        let refresher = self.state.refresher(&request, self.number);
        let bundle = refresher.and_then(|one| one.map(BundleRefresher::get).transpose());
        let state = match bundle {
            Ok(None) => return ResponseFuture::calling(self.inner.call(request)),
            Ok(Some(BundleState::Ready(value))) => {
                attach(&mut request, value);
                return ResponseFuture::calling(self.inner.call(request));
            }
            Ok(Some(BundleState::Pending(pending))) => {
                let clone = self.inner.clone();
                // The instance that was polled ready must be the one that is called.
                let ready = mem::replace(&mut self.inner, clone);
                let refresh = Box::pin(wait_for_refresh(pending));
                State::Pending { refresh, request: Some((ready, request)) }
            }
            Err(error) => {
                // A rejected request must not keep the ready inner service: replace it with a
                // clone.
                self.inner = self.inner.clone();
                State::Rejected { error: Some(error) }
            }
        };
        ResponseFuture { state }
    }
}

impl<S: Service<R>, R> ResponseFuture<S, R> {
    const fn calling(future: S::Future) -> Self {
        Self { state: State::Calling { future } }
    }
}

impl<S: Service<R>, R: OutgoingRequest> Future for ResponseFuture<S, R> {
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
                        Ok(value) => {
                            attach(&mut request, value);
                            State::Calling { future: service.call(request) }
                        }
                        Err(error) => State::Rejected { error: Some(error) },
                    });
                }
                StateProjection::Calling { future } => {
                    return future.poll(context).map_err(ClientError::Service);
                }
                StateProjection::Rejected { error } => {
                    let Some(error) = error.take() else { return Poll::Pending };
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
    }
}

fn attach(request: &mut impl OutgoingRequest, value: HeaderValue) {
    request.headers_mut().insert(AUTHORIZATION, value);
    event!(debug, "token bundle attached");
}
