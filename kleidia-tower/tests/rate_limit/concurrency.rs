//! Concurrent requests of many threads.

use std::convert::Infallible;
use std::sync::Barrier;
use std::thread;

use http::{Request, Response};
use kleidia_tower::rate_limit::{Key, RateLimitLayer};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::ManualClock;

const THREADS: usize = 16;

#[test]
fn concurrent_requests_share_one_burst() {
    for round in 0..50 {
        let (limiter, start) = (ManualClock::default().limiter("100/60"), Barrier::new(THREADS));
        let passed = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        (0..100).filter(|_| limiter.check("key", 1).is_ok()).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 100, "round {round}");
    }
}

#[test]
fn keys_of_one_set_get_no_more_than_their_bursts() {
    // One set of 16 for 8 keys: they compete for the lock, and none is evicted.
    let limiter = ManualClock::default().limiter("10/60").with_capacity(16).unwrap();
    let passed = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let limiter = &limiter;
                let count =
                    move |key: u8| (0..50).filter(|_| limiter.check(&key, 1).is_ok()).count();
                scope.spawn(move || (0..8).map(count).sum::<usize>())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(passed, 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_charge_all_limits_or_none() {
    let clock = ManualClock::default();
    let tenant = Key::header(http::HeaderName::from_static("x-tenant"));
    let layer = RateLimitLayer::new()
        .with_limit(Key::function(|_| Some("all")), clock.limiter("500/60"))
        .with_limit(tenant, clock.limiter("60/60"));
    let request = |tenant: usize| Request::builder().header("x-tenant", tenant).body(()).unwrap();
    // Each of 8 tenants has a limit of 60, and all together one of 500.
    let tasks = (0..64).map(|number| {
        let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
        let service = layer.layer(inner);
        tokio::spawn(async move {
            let mut passed = 0;
            for _ in 0..50 {
                let response = service.clone().oneshot(request(number % 8)).await.unwrap();
                passed += u32::from(response.status().is_success());
            }
            passed
        })
    });
    let mut passed = 0;
    for task in tasks.collect::<Vec<_>>() {
        passed += task.await.unwrap();
    }
    let (mut of_all, mut by_tenant) = (0, 0);
    for tenant in 0..8 {
        let left = layer.peek(&request(tenant)).await.unwrap();
        of_all = left[0].1.count();
        by_tenant += left[1].1.count();
    }
    assert_eq!(passed, 480);
    // A charge for a rejected request would be missing here.
    assert_eq!((of_all, by_tenant), (20, 0));
}
