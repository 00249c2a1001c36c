//! Many threads that ask at the same instant.

use std::convert::Infallible;
use std::sync::Barrier;
use std::thread;

use http::{Request, Response};
use kleidia_tower::rate_limit::{Key, RateLimitLayer};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::world::Hand;

const THREADS: usize = 16;

#[test]
fn no_more_than_the_burst_passes_at_one_instant() {
    for round in 0..50 {
        let (limiter, start) = (Hand::default().limiter("100/60"), Barrier::new(THREADS));
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
fn a_crowded_place_admits_no_key_more_than_its_burst() {
    // One place of 16 for 8 keys: they compete for the lock, and none is forgotten.
    let limiter = Hand::default().limiter("10/60").with_room_for(16);
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
async fn several_limits_are_charged_together_or_not_at_all() {
    let hand = Hand::default();
    let tenant = Key::header(http::HeaderName::from_static("x-tenant"));
    let layer = RateLimitLayer::new()
        .limit(Key::function(|_| Some("all")), hand.limiter("500/60"))
        .limit(tenant, hand.limiter("60/60"));
    let request = |tenant: usize| Request::builder().header("x-tenant", tenant).body(()).unwrap();
    // Of 8 tenants, each may have 60, and all of them more than that together.
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
    let left =
        |tenant| layer.peek(&request(tenant)).unwrap().into_iter().map(|(_, left)| left.units());
    let by_tenant: u32 = (0..8).map(|tenant| left(tenant).nth(1).unwrap()).sum();
    assert_eq!(passed, 480);
    // What refusals cost would be missing here.
    assert_eq!((left(0).next(), by_tenant), (Some(20), 0));
}
