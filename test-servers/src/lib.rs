//! Starts the servers that tests and benchmarks need: PostgreSQL, Redis and SMTP from Debian's packages,
//! OpenBao and Envoy.
//!
//! Each server listens on 127.0.0.1, keeps its data in a directory of its own, and ends with the
//! process that started it, however that ends.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(clippy::expect_used, clippy::panic, reason = "for tests, which may end by a panic")]

mod envoy;
mod openbao;
mod postgres;
mod redis;
mod smtp;

use std::net::TcpListener;

pub use envoy::EnvoyServer;
pub use openbao::OpenBaoServer;
pub use postgres::PostgresServer;
pub use redis::RedisServer;
pub use smtp::SmtpServer;

/// The example of this crate's README, which has to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a bound listener has an address").port()
}
