//! The cost of a stream that ends with its caller: of each message, and of an idle stream.
//!
//! The streams are bodies of responses through `JwtSessionLayer`, with the store in memory. A message
//! is polled from the wrapped body and from the bare one, alternately. The memory of an idle stream
//! is what is allocated for it besides the bare body, with its waker, its place in the registry and
//! the session that it was opened with.
#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod bodies;
mod idle;
mod messages;
mod users;

use std::alloc::System;
use std::process::ExitCode;

use benches::{Comparison, rounds};
use cap::Cap;
use tokio::runtime::Builder;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// The number of idle streams under `cargo bench`.
const STREAMS: usize = 100_000;
/// The streams of a user, who may have 1,000.
const STREAMS_OF_A_USER: usize = 100;

fn main() -> ExitCode {
    // Its thread checks the streams.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
    let runtime = runtime.expect("a runtime");
    let users = rounds(STREAMS / STREAMS_OF_A_USER);
    let users = runtime.block_on(users::Users::new(users));
    println!("{}", Comparison::head());
    let _context = runtime.enter();
    let mut is_missed = false;
    for comparison in idle::all(&users).into_iter().chain(messages::all(&users)) {
        is_missed |= comparison.is_missed();
        println!("{comparison}");
    }
    if is_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
