//! The paths of `RateLimitLayer`, and governor's keyed check.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::task::{Context, Poll};
use std::time::Duration;

use ::governor::{DefaultKeyedRateLimiter, Quota};
use benches::call;
use http::{Request, Response};
use kleidia_tower::rate_limit::{Key, Limit, PeerAddress, RateLimitLayer, RateLimiter};
use tower::{Layer as _, Service};

use crate::Operation;

/// The rate of a limit that no run exceeds.
const OFTEN: u32 = 1_000_000_000;
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A service that does nothing but drop requests.
#[derive(Clone)]
struct Nothing;

/// A request by an address that the layer has seen.
pub(crate) fn layer(times: usize) -> Operation {
    repeat(RateLimitLayer::new().with_limit(Key::address(), often()).layer(Nothing), times)
}

pub(crate) fn two_limits(times: usize) -> Operation {
    let layer = RateLimitLayer::new().with_limit(Key::address(), often());
    repeat(layer.with_limit(Key::address(), often()).layer(Nothing), times)
}

pub(crate) fn bare(times: usize) -> Operation {
    repeat(Nothing, times)
}

pub(crate) fn check(_: usize) -> Operation {
    let limiter = RateLimiter::new(often());
    Box::new(move || assert!(limiter.check(black_box(&ADDRESS), 1).is_ok()))
}

pub(crate) fn governor(_: usize) -> Operation {
    let quota = Quota::per_second(NonZeroU32::new(OFTEN).expect("not zero"));
    let limiter = DefaultKeyedRateLimiter::keyed(quota);
    Box::new(move || assert!(limiter.check_key(black_box(&ADDRESS)).is_ok()))
}

fn often() -> Limit {
    Limit::per(Duration::from_secs(1), OFTEN).expect("a limit")
}

fn repeat<S, B>(mut service: S, times: usize) -> Operation
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + 'static,
{
    let peer = PeerAddress((ADDRESS, 4711).into());
    let request = || Request::builder().extension(peer).body(()).expect("a request");
    let mut requests: Vec<_> = (0..times).map(|_| request()).collect();
    Box::new(move || {
        let request = requests.pop().expect("one for each operation");
        drop(black_box(call(&mut service, request)));
    })
}

impl Service<Request<()>> for Nothing {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(())))
    }
}
