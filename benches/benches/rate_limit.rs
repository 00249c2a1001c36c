//! The time of a rate limit, compared with governor's keyed check, and the memory of a million
//! addresses.
//!
//! The figure of a limit is the difference to the same layer without the limit: the request's key,
//! the clock and the limit. The figure of the layer is the difference to the service alone, so it
//! includes the client's address and the layer's service and future. Each round has 100 calls, with
//! requests that are created before.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

use std::alloc::System;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

use benches::Target::AtMost;
use benches::{Comparison, call, medians, rounds, time};
use cap::Cap;
use governor::{DefaultKeyedRateLimiter, Quota};
use http::{Request, Response};
use kleidia_tower::rate_limit::{Key, Limit, PeerAddress, RateLimitLayer, RateLimiter};
use tower::{Layer as _, Service};

/// The calls of each round.
const CALLS: u32 = 100;
/// The rate of a limit that no run exceeds.
const OFTEN: u32 = 1_000_000_000;
const MILLION: u32 = 1_000_000;
/// The memory that a limiter may use: 16.5 octets per key of capacity, and a constant.
const CONFIGURED: usize = RateLimiter::DEFAULT_CAPACITY * 33 / 2 + 1024;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// A service that does nothing but drop requests.
#[derive(Clone)]
struct Nothing;

fn main() -> ExitCode {
    println!("{}", Comparison::head());
    for comparison in hot_key() {
        println!("{comparison}");
    }
    if million_addresses() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn hot_key() -> Vec<Comparison> {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let limiter = RateLimiter::new(often());
    let quota = Quota::per_second(NonZeroU32::new(OFTEN).expect("not zero"));
    let peer = DefaultKeyedRateLimiter::keyed(quota);
    let one = RateLimitLayer::new().with_limit(Key::address(), often());
    let two = one.clone().with_limit(Key::address(), often());
    let mut empty = RateLimitLayer::new().layer(Nothing);
    let (mut one, mut two) = (one.layer(Nothing), two.layer(Nothing));
    let [bare, empty, one, two, limiter, peer] = medians(
        rounds(20_000),
        &mut [
            &mut || time_calls(&mut Nothing),
            &mut || time_calls(&mut empty),
            &mut || time_calls(&mut one),
            &mut || time_calls(&mut two),
            &mut || repeat(|| assert!(limiter.check(black_box(&address), 1).is_ok())),
            &mut || repeat(|| assert!(peer.check_key(black_box(&address)).is_ok())),
        ],
    )
    .map(|round| round / CALLS);
    let governor = ("governor's keyed check", peer);
    let layer = ("the layer, with one limit by address", one.saturating_sub(bare));
    let limit = ("a limit by address, a hot key", one.saturating_sub(empty));
    let second = ("a second limit by address", two.saturating_sub(one));
    vec![
        Comparison::from_times(limit, governor, Some(AtMost(1.5))),
        Comparison::from_times(second, governor, Some(AtMost(1.5))),
        Comparison::from_times(("RateLimiter::check", limiter), governor, None),
        Comparison::from_times(layer, governor, None),
    ]
}

fn often() -> Limit {
    Limit::per(Duration::from_secs(1), OFTEN).expect("a limit")
}

fn repeat(operation: impl Fn()) -> Duration {
    time(|| (0..CALLS).for_each(|_| operation()))
}

/// Calls a service as a server does.
fn time_calls<S, B>(service: &mut S) -> Duration
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut responses = Vec::with_capacity(CALLS as usize);
    let requests: Vec<_> = (0..CALLS).map(|_| request()).collect();
    time(move || {
        for request in requests {
            responses.push(call(service, request));
        }
        responses
    })
}

fn request() -> Request<()> {
    let peer = PeerAddress(([192, 0, 2, 1], 4711).into());
    Request::builder().extension(peer).body(()).expect("a request")
}

/// Measures the memory of a limiter before and after a million addresses.
fn million_addresses() -> bool {
    let before = HEAP.allocated();
    let limiter = RateLimiter::new("100/60".parse().expect("a limit"));
    let created = HEAP.allocated() - before;
    let addresses = u32::try_from(rounds(MILLION as usize)).expect("a million");
    for number in 0..addresses {
        let address = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
        assert!(limiter.check(&address, 1).is_ok(), "new addresses are allowed");
    }
    let kept = HEAP.allocated() - before;
    let (keys, peer) = (limiter.active_keys(), peer_octets(addresses));
    println!(
        "after {addresses} addresses: {keys} keys in {kept} octets, as {created} at the start;"
    );
    println!("governor keeps all of them, in {peer} octets");
    let is_bounded = kept <= CONFIGURED && created == kept;
    println!("at most {CONFIGURED}: {}", if is_bounded { "as bounded" } else { "MORE" });
    is_bounded
}

fn peer_octets(addresses: u32) -> usize {
    let before = HEAP.allocated();
    let quota = Quota::per_minute(NonZeroU32::new(100).expect("not zero"));
    let peer = DefaultKeyedRateLimiter::keyed(quota);
    for number in 0..addresses {
        let address = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
        assert!(peer.check_key(&address).is_ok(), "new addresses are allowed");
    }
    HEAP.allocated() - before
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
