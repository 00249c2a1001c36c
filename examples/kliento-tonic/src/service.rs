//! The service: one call, a stream of responses, and a stream both ways.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kliento_tower::Clock;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::caller::VerifiedCaller;
use crate::v1::identity_server::Identity;
use crate::v1::{AttributedStatement, Caller, Statement, WatchRequest, WhoAmIRequest};

/// Reports the caller's identity. Serve it behind a `KlientoAuthLayer` with the same clock.
#[derive(Clone)]
pub struct IdentityService {
    clock: Arc<dyn Clock>,
    interval: Duration,
}

/// Messages until the first error, which ends the stream.
type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl IdentityService {
    /// Creates a service that sends one message a second to watchers.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, interval: Duration::from_secs(1) }
    }

    /// Sets the interval between messages to watchers; it must not be zero.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }
}

#[tonic::async_trait]
impl Identity for IdentityService {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<Caller>, Status> {
        let caller = VerifiedCaller::from_request(&request, &self.clock)?;
        Ok(Response::new(caller.check_validity()?.into()))
    }

    type WatchStream = ResponseStream<Caller>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = VerifiedCaller::from_request(&request, &self.clock)?;
        let mut ticks = interval(self.interval);
        // A slow reader does not get the missed messages.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let messages =
            IntervalStream::new(ticks).map(move |_| caller.check_validity().map(Caller::from));
        Ok(Response::new(Box::pin(messages)))
    }

    type AttributeStream = ResponseStream<AttributedStatement>;

    async fn attribute(
        &self,
        request: Request<Streaming<Statement>>,
    ) -> Result<Response<Self::AttributeStream>, Status> {
        let caller = VerifiedCaller::from_request(&request, &self.clock)?;
        let messages = request.into_inner().map(move |statement| {
            let Statement { text } = statement?;
            let subject = caller.check_validity()?.subject().to_owned();
            Ok(AttributedStatement { subject, text })
        });
        Ok(Response::new(Box::pin(messages)))
    }
}
