//! Many threads that ask at the same instant.

use std::sync::Barrier;
use std::thread;

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
