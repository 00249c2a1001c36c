//! The service: attaches a token bundle, and then calls the one that it wraps.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::HeaderValue;
use http::header::AUTHORIZATION;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::layer::Shared;
use super::stock::Outcome;
use super::supply::{self, Supplied};
use super::{BundleError, ClientError, OutgoingRequest};

/// The service that [`KlientoClientLayer`](super::KlientoClientLayer) puts around a client.
#[derive(Clone, Debug)]
pub struct KlientoClient<S> {
    inner: S,
    shared: Arc<Shared>,
}

pin_project! {
    /// The future of [`KlientoClient`]'s responses.
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
        Waiting { bundle: Waiting, next: Option<(S, R)> },
        Called { #[pin] future: F },
        Refused { error: Option<BundleError> },
    }
}

type Waiting = Pin<Box<dyn Future<Output = Outcome> + Send>>;

impl<S> KlientoClient<S> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
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
        if !self.shared.concerns(&request) {
            return ResponseFuture::called(self.inner.call(request));
        }
        let state = match self.shared.supply.ask() {
            Ok(Supplied::AtHand(value)) => {
                attach(&mut request, value);
                return ResponseFuture::called(self.inner.call(request));
            }
            Ok(Supplied::Underway(flight)) => {
                let clone = self.inner.clone();
                // The instance that was polled is the one to call.
                let ready = mem::replace(&mut self.inner, clone);
                let bundle = Box::pin(supply::outcome(flight));
                State::Waiting { bundle, next: Some((ready, request)) }
            }
            Err(error) => {
                // What was made ready must not be kept from others by who is refused.
                self.inner = self.inner.clone();
                State::Refused { error: Some(error) }
            }
        };
        ResponseFuture { state }
    }
}

impl<S: Service<R>, R> ResponseFuture<S, R> {
    const fn called(future: S::Future) -> Self {
        Self { state: State::Called { future } }
    }
}

impl<S: Service<R>, R: OutgoingRequest> Future for ResponseFuture<S, R> {
    type Output = Result<S::Response, ClientError<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Waiting { bundle, next } => {
                    let outcome = ready!(bundle.as_mut().poll(context));
                    let Some((mut service, mut request)) = next.take() else {
                        return Poll::Pending;
                    };
                    state.set(match outcome {
                        Ok(value) => {
                            attach(&mut request, value);
                            State::Called { future: service.call(request) }
                        }
                        Err(error) => State::Refused { error: Some(error) },
                    });
                }
                StateProjection::Called { future } => {
                    return future.poll(context).map_err(ClientError::Service);
                }
                StateProjection::Refused { error } => {
                    let Some(error) = error.take() else { return Poll::Pending };
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
    }
}

fn attach(request: &mut impl OutgoingRequest, value: HeaderValue) {
    request.headers_mut().insert(AUTHORIZATION, value);
    tracing::debug!("attached a token bundle");
}
