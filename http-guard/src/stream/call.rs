//! `UnansweredCall`: a gRPC call whose handler has not responded, such as one that reads a stream.

use std::panic::catch_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use super::watch::Waiter;
use super::{StreamEnd, StreamWatch};
use crate::grpc;

/// A gRPC call that its handler has not answered yet.
///
/// A call that takes long is a stream as well: its handler may read the stream of the request first.
/// Most calls are answered earlier, and open no stream.
pub(crate) struct UnansweredCall {
    format: grpc::Format,
    wait: Wait,
}

enum Wait {
    /// The handler has not been called.
    Uncalled,
    /// There is no timer, and so no stream.
    Untimed,
    /// The call is short so far.
    Short(Pin<Box<Sleep>>),
    /// A stream is open.
    Watched(Box<Waiter>),
}

/// How long a call may take without opening a stream. The check of its request is fresh by then, so
/// the stream is not suspended.
const SHORT: Duration = Duration::from_millis(900);

impl UnansweredCall {
    /// Returns `None` if the request is not a gRPC call.
    pub(crate) fn of_request<B>(request: &Request<B>) -> Option<Self> {
        let format = grpc::Format::of_request(request)?;
        Some(Self { format, wait: Wait::Uncalled })
    }

    /// Returns `None` if the handler may run, or the end of the stream. Waits while it is suspended.
    pub(crate) fn poll_run(&mut self, context: &mut Context<'_>) -> Poll<Option<StreamEnd>> {
        match &mut self.wait {
            Wait::Watched(waiter) => waiter.poll_delivery(context),
            Wait::Uncalled | Wait::Untimed | Wait::Short(_) => Poll::Ready(None),
        }
    }

    /// Waits for the end of the stream, which is opened if the call takes long.
    pub(crate) fn poll_end(
        &mut self,
        watch: &StreamWatch,
        context: &mut Context<'_>,
    ) -> Poll<StreamEnd> {
        loop {
            match &mut self.wait {
                Wait::Watched(waiter) => return waiter.poll_end(context),
                Wait::Short(timer) => {
                    ready!(timer.as_mut().poll(context));
                    match watch.call_waiter() {
                        Ok(waiter) => self.wait = Wait::Watched(Box::new(waiter)),
                        Err(end) => return Poll::Ready(end),
                    }
                }
                Wait::Untimed => return Poll::Pending,
                Wait::Uncalled => self.wait = timer().map_or(Wait::Untimed, Wait::Short),
            }
        }
    }

    /// Returns the response at the end: it has a status and no message.
    pub(crate) fn end(&self, end: StreamEnd) -> Response<Bytes> {
        end.into_grpc_response(self.format)
    }
}

/// Returns `None` without a Tokio runtime with a timer: there are no streams then.
fn timer() -> Option<Pin<Box<Sleep>>> {
    Handle::try_current().ok()?;
    catch_unwind(|| Box::pin(sleep(SHORT))).ok()
}
