//! The throughput of limits in Redis, compared with calls of the same script and nothing else.
//!
//! Starts its own `redis-server`. 64 tasks send requests from 1,000 addresses over one connection,
//! on the threads of one runtime.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::Target::AtMost;
use benches::{Comparison, medians, rounds};
use http::{Request, Response};
use kleidia_tower::rate_limit::{
    Key, Limit, LimitKey, LimitStore as _, PeerAddress, RateLimitLayer, RedisLimitStore,
    SharedLimits,
};
use redis::aio::MultiplexedConnection;
use test_servers::RedisServer;
use tokio::runtime::Runtime;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

/// The script of `RedisLimitStore`.
const SCRIPT: &str = include_str!("../../kleidia-tower/src/rate_limit/redis/charge.lua");

const TASKS: u32 = 64;
/// The calls of each task in a round.
const CALLS: u32 = 50;
const ADDRESSES: u32 = 1000;

fn main() {
    let server = RedisServer::start();
    let url = server.url();
    let runtime = Runtime::new().expect("a runtime");
    let connection = runtime.block_on(connect(&url));
    let hash = runtime.block_on(load(connection.clone()));
    let store = Arc::new(RedisLimitStore::new(&url).expect("a URL"));
    let one = layer(&url);
    let two = layer(&url).with_limit(Key::address(), often());
    let [script, store, one, two] = medians(
        rounds(200),
        &mut [
            &mut || concurrently(&runtime, |task| call_script(connection.clone(), &hash, task)),
            &mut || concurrently(&runtime, |task| call_store(Arc::clone(&store), task)),
            &mut || concurrently(&runtime, |task| call_layer(&one, task)),
            &mut || concurrently(&runtime, |task| call_layer(&two, task)),
        ],
    )
    .map(|round| round / (TASKS * CALLS));
    println!("{TASKS} tasks on one connection; the times are for one of their calls");
    println!("{}", Comparison::head());
    let script = ("EVALSHA of the same script", script);
    // A throughput of at least 0.9.
    let target = Some(AtMost(1.0 / 0.9));
    let one = ("RateLimitLayer, a limit in Redis", one);
    println!("{}", Comparison::from_times(one, script, target));
    println!("{}", Comparison::from_times(("RedisLimitStore::charge", store), script, None));
    println!(
        "{}",
        Comparison::from_times(("RateLimitLayer, two limits in Redis", two), script, None)
    );
}

/// A limit that no run exceeds.
fn often() -> Limit {
    Limit::per(Duration::from_secs(1), 1_000_000).expect("a limit")
}

fn layer(url: &str) -> RateLimitLayer {
    let store = RedisLimitStore::new(url).expect("a URL");
    let limits = SharedLimits::new(store, &vec![7; 32].into()).expect("a secret");
    let limits = limits.with_timeout(SharedLimits::DEFAULT_RETRY_INTERVAL).expect("a timeout");
    let layer = RateLimitLayer::new().with_limit(Key::address(), often());
    layer.with_shared_limits("bench", limits)
}

/// Runs all tasks at the same time.
fn concurrently<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    start: impl Fn(u32) -> F,
) -> Duration {
    runtime.block_on(async {
        let futures: Vec<_> = (0..TASKS).map(start).collect();
        let start = Instant::now();
        let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        start.elapsed()
    })
}

/// Returns the numbers of the addresses of a task.
fn addresses(task: u32) -> impl Iterator<Item = u32> {
    (0..CALLS).map(move |call| (task * CALLS + call) % ADDRESSES)
}

fn call_script(
    connection: MultiplexedConnection,
    hash: &str,
    task: u32,
) -> impl Future<Output = ()> + use<> {
    let (mut connection, hash) = (connection, hash.to_owned());
    let keys: Vec<_> =
        addresses(task).map(|number| format!("kleidia:limit:{number:028}")).collect();
    async move {
        for key in keys {
            let mut command = redis::cmd("EVALSHA");
            command.arg(&hash).arg(1).arg(key).arg(1).arg(1_u64).arg(1_000_000_u64);
            let backlogs: Vec<u64> = command.query_async(&mut connection).await.expect("a backlog");
            assert_eq!(backlogs.len(), 1);
        }
    }
}

fn call_store(store: Arc<RedisLimitStore>, task: u32) -> impl Future<Output = ()> {
    let keys = addresses(task).map(|number| {
        let mut digest = [0; LimitKey::DIGEST_OCTETS];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        LimitKey::new(digest, 0, &often())
    });
    let keys: Vec<_> = keys.collect();
    async move {
        for key in keys {
            let decision = store.charge(&[key], 1).await.expect("a decision");
            assert!(decision.retry_after().is_none());
        }
    }
}

fn call_layer(layer: &RateLimitLayer, task: u32) -> impl Future<Output = ()> + use<> {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let mut service = layer.layer(inner);
    let requests: Vec<_> = addresses(task).map(request).collect();
    async move {
        for request in requests {
            let ready = service.ready().await.expect("never fails");
            let response = ready.call(request).await.expect("never fails");
            assert!(response.status().is_success());
        }
    }
}

fn request(number: u32) -> Request<()> {
    let address = Ipv4Addr::from_bits(0x0a00_0000 + number);
    Request::builder().extension(PeerAddress((address, 4711).into())).body(()).expect("a request")
}

async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("a connection")
}

async fn load(mut connection: MultiplexedConnection) -> String {
    let mut load = redis::cmd("SCRIPT");
    load.arg("LOAD").arg(SCRIPT).query_async(&mut connection).await.expect("the script's hash")
}
