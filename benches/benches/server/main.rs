//! The time that the layer adds to each request of an axum server over loopback.
//!
//! Two servers run at the same time, with the layer and without it, and are measured alternately
//! for half a second each. All requests carry the same cached bundle, on connections that stay
//! open. The clients send prepared octets and count octets, so most of the measured time is the
//! server's.
//!
//! The time per request is the reciprocal of the throughput of one saturated worker. The throughput
//! with one worker per processor is printed for information.
#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

use std::net::SocketAddr;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use benches::{Bundle, Load, median, rounds};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// The maximum time that the layer adds to a request, in microseconds.
const TARGET: f64 = 4.0;
/// The time for which one server is measured before the other.
const SLICE: Duration = Duration::from_millis(500);

fn main() {
    let processors = available_parallelism().map_or(1, NonZero::get);
    println!(
        "{:<20} {:>12} {:>12} {:>7} {:>15}  target",
        "workers", "without", "with", "ratio", "added/request"
    );
    measure("one per processor", processors, processors, None);
    // The clients leave the worker a processor of its own.
    measure("one, saturated", 1, (processors - 1).clamp(1, 2), Some(TARGET));
}

/// Prints the requests per second of both servers, their ratio, and the time that the layer adds to
/// a request on each worker.
fn measure(label: &str, workers: usize, clients: usize, target: Option<f64>) {
    let bundle = Bundle::reference("member-user");
    let (servers, clients) = (runtime(workers), runtime(clients));
    let plain = Router::new().route("/", get(|| async { "hello" }));
    let layered = plain.clone().layer(bundle.layer());
    let header = format!("Authorization: {}", bundle.header);
    let plain = Load::new(&clients, serve(&servers, plain), &header);
    let layered = Load::new(&clients, serve(&servers, layered), &header);
    let (mut without, mut with, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds(30) {
        // The order alternates, so that load on the machine affects both.
        let (first, second) = if round % 2 == 0 { (&plain, &layered) } else { (&layered, &plain) };
        let (first, second) = (first.throughput(SLICE), second.throughput(SLICE));
        let (plain, layered) = if round % 2 == 0 { (first, second) } else { (second, first) };
        without.push(plain);
        with.push(layered);
        added.push((layered.recip() - plain.recip()) * workers as f64 * 1e6);
    }
    let (without, with, added) = (median(without), median(with), median(added));
    let target = match target {
        Some(target) if added > target => format!("at most {target} us: MISSED"),
        Some(target) => format!("at most {target} us"),
        None => "none".to_owned(),
    };
    let ratio = with / without;
    println!(
        "{label:<20} {without:>10.0}/s {with:>10.0}/s {ratio:>7.3} {added:>12.2} us  {target}"
    );
}

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().expect("a runtime")
}

fn serve(runtime: &Runtime, router: Router) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(async move { axum::serve(listener, router).await });
    address
}
