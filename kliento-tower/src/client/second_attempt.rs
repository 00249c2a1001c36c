//! The second attempt of a request: waits for another bundle, then for the inner service.

use std::task::{Context, Poll, ready};

use http::HeaderValue;
use http_guard::event;
use tower_service::Service;

use super::OutgoingRequest;
use super::service::{Refresh, attach};

pub(super) struct SecondAttempt<S, R> {
    service: S,
    /// `None` after it was sent.
    request: Option<R>,
    /// `None` when the bundle is attached.
    refresh: Option<Refresh>,
    refused: HeaderValue,
}

impl<S, R> SecondAttempt<S, R> {
    pub(super) const fn new(
        service: S,
        request: R,
        refresh: Refresh,
        refused: HeaderValue,
    ) -> Self {
        Self { service, request: Some(request), refresh: Some(refresh), refused }
    }
}

impl<S: Service<R>, R: OutgoingRequest> SecondAttempt<S, R> {
    /// Sends the request. Returns `None` if the source has no other bundle.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<S::Future>, S::Error>> {
        if let Some(refresh) = &mut self.refresh {
            let result = ready!(refresh.as_mut().poll(context));
            self.refresh = None;
            let newer = result.ok().map(|ready| ready.value);
            let newer = newer.filter(|value| *value != self.refused);
            match (newer, &mut self.request) {
                (Some(value), Some(request)) => attach(request, value),
                _ => self.request = None,
            }
        }
        if self.request.is_none() {
            return Poll::Ready(Ok(None));
        }
        ready!(self.service.poll_ready(context))?;
        event!(debug, "sending the request again, with another token bundle");
        Poll::Ready(Ok(self.request.take().map(|request| self.service.call(request))))
    }
}
