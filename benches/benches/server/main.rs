//! The throughput of an axum server over loopback, with the layer and without it.
//!
//! Both servers are up at the same time and asked in turn, for half a second each: the same
//! requests, with the same known bundle, on connections that stay open. The clients send prepared
//! octets and count octets, so that most of what is measured is the server. It is measured as
//! servers run, with a worker per processor, and with a single worker that has nothing else to do
//! than to say hello.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "it reports figures, or ends"
)]

mod load;

use std::net::SocketAddr;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use benches::{Bundle, rounds};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::load::Load;

/// The share of the throughput without the layer that there has to be with it.
const TARGET: f64 = 0.95;
/// For how long a server is asked before it is the other one's turn.
const SLICE: Duration = Duration::from_millis(500);

fn main() {
    let processors = available_parallelism().map_or(1, NonZero::get);
    println!(
        "{:<24} {:>12} {:>12} {:>7}  target",
        "workers of the server", "without", "with", "share"
    );
    measure("one per processor", processors, processors, Some(TARGET));
    measure("one, saturated", 1, 2, None);
}

/// Prints the requests per second of both servers, and the median of their ratios.
fn measure(what: &str, workers: usize, clients: usize, target: Option<f64>) {
    let bundle = Bundle::reference("member-user");
    let (servers, clients) = (runtime(workers), runtime(clients));
    let plain = Router::new().route("/", get(|| async { "hello" }));
    let layered = plain.clone().layer(bundle.layer());
    let plain = Load::new(&clients, serve(&servers, plain), &bundle.header);
    let layered = Load::new(&clients, serve(&servers, layered), &bundle.header);
    let (mut without, mut with, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds(30) {
        // Who goes first changes, so that what comes and goes disturbs both.
        let (first, second) = if round % 2 == 0 { (&plain, &layered) } else { (&layered, &plain) };
        let (first, second) = (first.throughput(SLICE), second.throughput(SLICE));
        let (plain, layered) = if round % 2 == 0 { (first, second) } else { (second, first) };
        without.push(plain);
        with.push(layered);
        shares.push(layered / plain);
    }
    let (without, with, share) = (median(without), median(with), median(shares));
    let target = match target {
        Some(target) if share < target => format!("at least {target}: missed"),
        Some(target) => format!("at least {target}"),
        None => "none".to_owned(),
    };
    println!("{what:<24} {without:>10.0}/s {with:>10.0}/s {share:>7.3}  {target}");
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
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
