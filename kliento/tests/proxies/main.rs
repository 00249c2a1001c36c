//! nginx, Caddy and HAProxy before a service, with `kliento serve` as their authorizer.
//!
//! Their configuration is that of `docs/proxies.md`, with other ports.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

mod authorizer;
mod bundles;
mod client;
mod credentials;
mod documentation;
mod fixture;
mod haproxy;
mod outages;
mod protocols;
mod proxy;
mod service;
mod spoofing;
mod tunnels;

/// Makes a module of each case, with a test for each proxy.
macro_rules! with_each_proxy {
    ($($case:ident),+ $(,)?) => {
        $(mod $case {
            use crate::proxy::Proxy;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn nginx() {
                super::cases::$case(Proxy::Nginx).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn caddy() {
                super::cases::$case(Proxy::Caddy).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn haproxy() {
                super::cases::$case(Proxy::Haproxy).await;
            }
        })+
    };
}
pub(crate) use with_each_proxy;
