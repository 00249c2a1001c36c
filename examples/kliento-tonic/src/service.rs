//! The service: one call, a stream of responses, and a stream both ways.
//!
//! The layer ends the streams when the caller's bundle expires, so the methods do not look at the
//! clock.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::caller::caller;
use crate::v1::identity_server::Identity;
use crate::v1::{AttributedStatement, Caller, Statement, WatchRequest, WhoAmIRequest};

/// Reports the caller's identity. Serve it behind a `KlientoAuthLayer`.
#[derive(Clone)]
pub struct IdentityService {
    interval: Duration,
}

/// Messages until the first error, which ends the stream.
type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl IdentityService {
    /// Sets the interval between messages to watchers, 1 second by default; it must not be zero.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }
}

impl Default for IdentityService {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1) }
    }
}

#[tonic::async_trait]
impl Identity for IdentityService {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<Caller>, Status> {
        Ok(Response::new(caller(&request)?.into()))
    }

    type WatchStream = ResponseStream<Caller>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = Caller::from(caller(&request)?);
        let mut ticks = interval(self.interval);
        // A slow reader does not get the missed messages.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let messages = IntervalStream::new(ticks).map(move |_| Ok(caller.clone()));
        Ok(Response::new(Box::pin(messages)))
    }

    type AttributeStream = ResponseStream<AttributedStatement>;

    async fn attribute(
        &self,
        request: Request<Streaming<Statement>>,
    ) -> Result<Response<Self::AttributeStream>, Status> {
        let subject = caller(&request)?.subject().to_owned();
        let messages = request.into_inner().map(move |statement| {
            Ok(AttributedStatement { subject: subject.clone(), text: statement?.text })
        });
        Ok(Response::new(Box::pin(messages)))
    }
}
