//! Runs one path a number of times, for `cargo xtask instructions`, which counts what it executes.
//!
//! `instructions` lists the paths, each with its number of operations. `instructions PATH` prepares
//! and runs them. What is before [`run_operations`] is not counted, and nothing is after it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod people;
mod rate_limits;
mod workloads;

use std::env;

/// An operation that can be repeated.
type Operation = Box<dyn FnMut()>;

struct Path {
    name: &'static str,
    operations: usize,
    /// Prepares an operation that can run so many times.
    prepare: fn(usize) -> Operation,
}

const fn path(name: &'static str, operations: usize, prepare: fn(usize) -> Operation) -> Path {
    Path { name, operations, prepare }
}

const PATHS: [Path; 18] = [
    path("verify", 20, workloads::verify),
    path("verify-checks", 20, workloads::checks),
    path("first-sight", 20, workloads::first_sight),
    path("another-token", 20, workloads::another_token),
    path("another-token-checks", 20, workloads::another_tokens_checks),
    path("hit", 500, workloads::hit),
    path("hit-lookup", 500, workloads::lookup),
    path("session", 500, people::session),
    path("session-baseline", 500, people::token_and_lookup),
    path("rbac-permission", 500, people::permission),
    path("rbac-owner", 500, people::owner),
    path("rbac-none", 500, people::no_requirement),
    path("decide", 500, people::decision),
    path("rate-limit", 500, rate_limits::layer),
    path("rate-limit-none", 500, rate_limits::bare),
    path("rate-limit-second", 500, rate_limits::two_limits),
    path("rate-limit-check", 500, rate_limits::check),
    path("governor", 500, rate_limits::governor),
];

fn main() {
    let Some(name) = env::args().nth(1) else {
        return PATHS.iter().for_each(|path| println!("{} {}", path.name, path.operations));
    };
    let path = PATHS.iter().find(|path| path.name == name).expect("the name of a path");
    let mut operation = (path.prepare)(path.operations + 1);
    // Fills what is created at the first use.
    operation();
    run_operations(&mut operation, path.operations);
}

/// The count begins at this function, by its name.
#[inline(never)]
fn run_operations(operation: &mut Operation, times: usize) -> ! {
    (0..times).for_each(|_| operation());
    // Drops nothing of what was prepared.
    std::process::exit(0)
}
