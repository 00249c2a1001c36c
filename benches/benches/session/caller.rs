//! Calls services, which are hardly ever pending.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use benches::time;
use http::{Request, Response};
use tokio::runtime::Handle;
use tower::Service;

/// The calls per measurement, since a single one takes little longer than reading the clock. They
/// are so few that the allocator's cache of the thread holds what they allocate, as it does for a
/// server, which keeps few requests at the same time.
pub(crate) const CALLS: u32 = 4;

pub(crate) fn repeat(operation: impl Fn()) -> Duration {
    time(|| (0..CALLS).for_each(|_| operation()))
}

/// Times calls of a service, without creating requests and dropping responses.
pub(crate) fn time_calls<S, B>(service: &mut S, request: impl Fn() -> Request<()>) -> Duration
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let requests = [(); CALLS as usize].map(|()| request());
    time(move || requests.map(|request| call(service, request)))
}

/// Calls once; a rejected request ends the measurement.
pub(crate) fn call<S, B>(service: &mut S, request: Request<()>) -> Response<B>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready(), "always ready");
    let mut response = pin!(service.call(request));
    let Ok(response) = match response.as_mut().poll(&mut context) {
        Poll::Ready(response) => response,
        // A session that is not cached is looked up in a task.
        Poll::Pending => Handle::current().block_on(response),
    };
    assert!(response.status().is_success(), "rejected");
    response
}
