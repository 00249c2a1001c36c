//! The evaluation of passwords at the lowest cost, and nothing else.

use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};

use crate::people::PASSWORD;

/// Evaluates on all processors, and returns the evaluations per second.
pub(crate) fn rate(time: Duration) -> f64 {
    let (start, threads) = (Instant::now(), PasswordHasher::default_permits());
    let total: u32 = thread::scope(|scope| {
        let threads = (0..threads).map(|_| scope.spawn(|| evaluate_until(start + time)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    f64::from(total) / start.elapsed().as_secs_f64()
}

fn evaluate_until(end: Instant) -> u32 {
    let parameters = Params::new(Argon2Parameters::MIN_MEMORY_KIB, 1, 1, Some(32));
    let parameters = parameters.expect("parameters");
    let mut memory = vec![Block::new(); parameters.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let (mut output, salt, mut count) = ([0; 32], [7; 16], 0);
    while Instant::now() < end {
        let password = PASSWORD.as_bytes();
        let hashed =
            argon2.hash_password_into_with_memory(password, &salt, &mut output, &mut memory);
        hashed.expect("an evaluation");
        count += 1;
    }
    count
}
